"""What `ablate clean` and `ablate mine` found, as a table and pictures for somebody to look at."""

from collections.abc import Mapping, Sequence

import numpy as np

from ablate.data import origin
from ablate.report.review import SHOWN, Review, pictures_of
from ablate.report.wording import listed, number, plural
from ablate.runner.clean import Cleaned, Terms
from ablate.runner.mine import Mined


def of_cleaning(found: Cleaned, name: str) -> Review:
    """All training examples, the most doubtful first; pictures of those that are listed."""
    order, pool = found.order, len(found.labels)
    texts = np.array(found.names)
    columns = {
        "index": np.arange(pool),
        **{key: column[:pool] for key, column in origin(found.dataset).items()},
        "label": texts[found.labels],
        "suggested": texts[found.suggested],
        "in_doubt": found.times,
        "tests": np.full(pool, found.terms.tests),
        "listed": found.listed.astype(int),
        "score_label": _rounded(found.scores(found.labels)),
        "score_suggested": _rounded(found.scores(found.suggested)),
        **({} if found.truth is None else {"true_label": texts[found.truth]}),
    }
    doubtful = order[found.listed[order]]
    captions = [_doubt(found, k) for k in doubtful[:SHOWN]]
    marked = [found.truth is not None and found.truth[k] != found.labels[k] for k in doubtful[:SHOWN]]
    pictures = _pictures(found.dataset.pool, doubtful, captions, marked)
    return Review(
        f"{name}: labels in doubt", _said_of_cleaning(found), _ordered(columns, order), pictures, _unshown(doubtful)
    )


def of_mining(found: Mined, pool: str) -> Review:
    """The listed examples with the ensemble's label; pictures of the first."""
    order, texts = found.order, np.array(found.names)
    columns = {
        "index": np.arange(len(found.production)),
        **found.source,
        "production": texts[found.production],
        "suggested": texts[found.suggested],
        "score": _rounded(found.scores),
        "agree": found.agreed.astype(int),
        **({} if found.truth is None else {"true_label": texts[found.truth]}),
    }
    captions = [_dispute(found, k) for k in order[:SHOWN]]
    marked = [found.truth is not None and found.truth[k] != found.production[k] for k in order[:SHOWN]]
    pictures = _pictures(found.arrays, order, captions, marked)
    return Review(f"{pool}: worth a look", _said_of_mining(found), _ordered(columns, order), pictures, _unshown(order))


def _said_of_cleaning(found: Cleaned) -> list[str]:
    terms, count, total = found.terms, int(found.listed.sum()), len(found.labels)
    trained = "all folds but one" if terms.train_on == "rest" else "one fold"
    doubt = "another label" + (f", or the same with less than {terms.score:g}" if terms.score else "")
    lines = [
        f"{count:,} of {total:,} training labels ({_percent(count / total)}) are in doubt: in {_often(terms)} the "
        f"models gave {doubt}.",
        f"Each test asked {plural(len(found.models), 'model')} ({listed(found.models)}), trained on {trained} of "
        f"{terms.folds}, about examples that they had not seen; {plural(terms.rounds, 'partition')}.",
    ]
    judged, corrected = found.judged(), found.corrected()
    if judged is not None and corrected is not None:
        lines.append(
            f"Of the listed {_percent(judged.precision)} are wrong (precision); of the {judged.wrong:,} planted wrong "
            f"labels {_percent(judged.recall)} are listed (recall). For {_percent(corrected)} of the listed the "
            "suggested label is the true one."
        )
    return lines


def _often(terms: Terms) -> str:
    tests = plural(terms.tests, "test")
    if terms.least < terms.tests:
        return f"at least {terms.least} of {tests}"
    return f"each of {tests}" if terms.tests > 1 else "the test"


def _said_of_mining(found: Mined) -> list[str]:
    total, count, disputed = len(found.production), int(found.listed.sum()), int((~found.agreed).sum())
    lines = [
        f"{count:,} of {total:,} examples are worth a look: on {disputed:,} the production model and the ensemble of "
        f"{plural(found.members, 'cell')} disagree, on {count - disputed:,} they agree with a score below "
        f"{found.score:g}.",
    ]
    right = found.right()
    if right:
        words = {"left_out": "of what is left out on", "listed": "of what is listed on"}
        said = [f"{text} {_percent(right[name])}" for name, text in words.items() if name in right]
        if "suggested" in right:
            said[-1] += f"; the ensemble's label of what is listed on {_percent(right['suggested'])}"
        lines.append(f"By the labels of the pool the production model is right {listed(said)}.")
    return lines


def _doubt(found: Cleaned, k: int) -> str:
    given, suggested = found.names[found.labels[k]], found.names[found.suggested[k]]
    answer = f"{given} → {suggested}" if given != suggested else given
    return f"{k}: {answer} ({found.times[k]}/{found.terms.tests})"


def _dispute(found: Mined, k: int) -> str:
    production, suggested = found.names[found.production[k]], found.names[found.suggested[k]]
    answer = f"{production} → {suggested}" if production != suggested else production
    return f"{k}: {answer} ({number(float(found.scores[k]), 2)})"


def _pictures(
    arrays: Mapping[str, np.ndarray], order: np.ndarray, captions: Sequence[str], marked: Sequence[bool]
) -> list:
    return pictures_of(arrays["image"][order[:SHOWN]], captions, marked) if "image" in arrays and len(order) else []


def _unshown(order: np.ndarray) -> int:
    return max(0, len(order) - SHOWN)


def _ordered(columns: Mapping[str, np.ndarray], order: np.ndarray) -> dict[str, np.ndarray]:
    return {name: column[order] for name, column in columns.items()}


def _rounded(scores: np.ndarray) -> np.ndarray:
    return np.round(scores, 4)


def _percent(share: float) -> str:
    return f"{number(share, 1, 100.0)} %"
