"""Problems read as one line each, with the near match where there is one."""

from ablate.study import ConfigError
from ablate.study.problems import unknown


def test_near_match_and_allowed_names():
    assert unknown("vary.nrom", "key", "nrom", ("norm", "clip")) == (
        "vary.nrom: unknown key 'nrom'; did you mean 'norm'? Allowed: norm, clip"
    )


def test_nothing_is_near():
    assert unknown("a", "choice", "zzz", iter(["norm"])) == "a: unknown choice 'zzz'. Allowed: norm"
    assert unknown("a", "axis", "", []) == "a: unknown axis ''. Allowed: nothing"
    assert unknown("a", "value", 3, ["test"]) == "a: unknown value 3. Allowed: test"


def test_error_keeps_every_problem():
    error = ConfigError(line for line in ("one", "two"))
    assert isinstance(error, ValueError)
    assert error.problems == ("one", "two")
    assert str(error) == "one\ntwo"
