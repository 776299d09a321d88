"""Commands that ask several models together: `clean`, `mine`, `fuse`. Heavy imports wait until a command needs them."""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from ablate.cli.engines import check_engine, engine_for
from ablate.cli.planning import alone, name_of, prepare_backend, say, spec_of, texts_of, warn
from ablate.cli.printing import console as console_of
from ablate.cli.printing import wide_table
from ablate.cli.training import begun, interrupted
from ablate.report.wording import listed, number, plural
from ablate.runner.interrupts import Interrupted, Stop

SHOWN = 12  # fusions or thresholds in a terminal


def clean(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate clean`: trains on folds, and lists the labels that are in doubt; exit codes of `ablate run`."""
    check_engine(options)
    directory = options.workdir or Path("results") / f"clean_{name_of(options)}"
    with begun(directory):
        spec = alone(spec_of(options, stop))
        with engine_for(options, stop) as engine:
            return _clean_on(engine, spec, options, stop, directory)


def _clean_on(engine: Any, spec: Any, options: argparse.Namespace, stop: Stop, directory: Path) -> int:
    from ablate.cli.display import display_for
    from ablate.report.review import write_review
    from ablate.runner.clean import Terms, cleaned, plan_cleaning, refuse_another
    from ablate.runner.execute import execute
    from ablate.runner.plan import SHARED_FOLDS
    from ablate.runner.reviews import of_cleaning

    terms = Terms(options.folds, options.train_on, options.rounds, options.score, options.picked or 0, options.of)
    plan_ = plan_cleaning(spec, terms, **texts_of(options), place=engine.place(), between=stop.check)
    refuse_another(directory)
    untuned = ["tune: the arms run with the numbers of the config; nothing is tuned here"] if spec.tune.grid else []
    unheard = [word for word in ("folds", "train_on") if word in spec.recipe["data"].given]
    untuned += [f"data.{word}: left out; --{word.replace('_', '-')} says it here" for word in unheard]
    others = (words for words in plan_.warnings if words != SHARED_FOLDS)  # nothing is compared here
    warn([*plan_.notes, *others, *untuned])
    try:
        rows = execute(plan_, directory, engine=engine, display=display_for(Console(stderr=True)), stop=stop)
        failed = [row["cell"] for row in rows if row["status"] != "done"]
        if failed:
            told = f"{plural(len(failed), 'cell')} failed or diverged, first {listed(failed, 1)}"
            say(f"{told}; labels are judged by all models or not at all: leave those arms out, or train them otherwise")
            return 1
        found = cleaned(rows, plan_, terms, stop.check)
    except Interrupted as error:
        return interrupted(error, directory)
    review = of_cleaning(found, plan_.name)
    paths = write_review(review, directory / "clean.csv")
    if options.json:
        print(json.dumps(_clean_record(found, paths), indent=1, ensure_ascii=False, allow_nan=False))
        return 0
    print(*review.lead, sep="\n")
    _print_thresholds(found)
    print(*paths, sep="  ")
    return 0


def _clean_record(found: Any, paths: list[Path]) -> dict[str, Any]:
    from ablate.report.formats.json_record import clean as without_nan

    planted = [
        {"doubts": k, **one._asdict(), "precision": one.precision, "recall": one.recall}
        for k in range(1, found.terms.tests + 1)
        if (one := found.judged(k)) is not None
    ]
    return without_nan(
        {
            **found.terms._asdict(),
            "picked": found.terms.least,
            "tests": found.terms.tests,
            "models": list(found.models),
            "examples": len(found.labels),
            "listed": int(found.listed.sum()),
            "planted": planted,
            "suggestion_right": found.corrected(),
            "files": [str(path) for path in paths],
        }
    )


def _print_thresholds(found: Any) -> None:
    """How every possible threshold would have done, where the wrong labels are known."""
    if found.truth is None:
        return
    table = wide_table("in doubt at least", "listed", "of them wrong (precision)", "of the wrong ones listed (recall)")
    for least in range(1, min(found.terms.tests, SHOWN) + 1):
        judged = found.judged(least)
        mark = " *" if least == found.terms.least else ""
        shares = (f"{number(share, 1, 100.0)} %" for share in (judged.precision, judged.recall))
        table.add_row(f"{least} of {found.terms.tests}{mark}", str(judged.picked), *shares)
    console_of().print(table)


def mine(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate mine`: the examples of a pool that two models do not agree on with a high score."""
    from ablate.report.review import write_review
    from ablate.report.rows import Rows
    from ablate.runner.mine import Terms
    from ablate.runner.mine import mine as mined
    from ablate.runner.reviews import of_mining
    from ablate.study.problems import ConfigError

    prepare_backend(stop)
    rows = Rows.load(options.directory)
    if options.production_seed is not None and options.production.lower().endswith(".csv"):
        raise ConfigError(["--production-seed: goes with an arm, and --production is a file"])
    if options.production_seed not in (None, *rows.study["seeds"]):
        seeds = ", ".join(map(str, rows.study["seeds"]))
        raise ConfigError([f"--production-seed: the study has no seed {options.production_seed}; it has {seeds}"])
    production_seed = rows.study["seeds"][0] if options.production_seed is None else options.production_seed
    terms = Terms(options.production, production_seed, options.score, options.of)
    found = mined(rows, options.arm, options.seed, options.pool, terms)
    warn(f"{words}; labels may differ from those of the trained models" for words in found.changed)
    review = of_mining(found, options.pool)
    paths = write_review(review, options.out or options.directory / "mine.csv")
    print(*review.lead, sep="\n")
    print(*paths, sep="  ")
    return 0


def fuse(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate fuse`: what kept cells say together, and whether that is better than what they say alone."""
    from ablate.report.rows import Rows
    from ablate.report.sections.answers import answers, headline
    from ablate.runner.fuse import Recipe
    from ablate.runner.fuse import fuse as fused
    from ablate.runner.kept import seeds_of
    from ablate.study.problems import ConfigError

    if options.json and str(options.out) == "-":
        raise ConfigError(["--json: goes to stdout, as does --out=-; name a file for one of them"])
    prepare_backend(stop)
    rows = Rows.load(options.directory)
    arms = options.arm or [rows.study["baseline"]]
    recipe = Recipe(options.of, tuple(options.weights or ()), options.at_once or 0)
    found = fused(rows, arms, options.seed or seeds_of(rows, arms), recipe, options.data)
    warn(f"{words}; predictions may differ from its metrics" for words in found.changed)
    if found.left_out:
        say(f"seeds {', '.join(map(str, found.left_out))} fill no group of their own and are left out")
    if options.out:
        _write_fusion(found, options.out)
    if str(options.out) == "-":
        return 0
    verdicts = found.verdicts()
    if options.json:
        print(json.dumps(_fuse_record(found, verdicts), indent=1, ensure_ascii=False, allow_nan=False))
        return 0
    _print_fusions(found)
    if verdicts:
        print(headline(verdicts.tables))
        print(*(f"  {answer.arm}: {answer.text}" for answer in answers(verdicts.tables)), sep="\n")
    return 0


def _write_fusion(found: Any, path: Path) -> None:
    from ablate.report.review import as_csv
    from ablate.results.files import write_atomically

    text = as_csv({"index": found.index, **found.columns()})
    if str(path) == "-":
        print(text, end="")
    else:
        write_atomically(path, text.encode())
        say(f"predictions of the fusion: {path}")


def _print_fusions(found: Any) -> None:
    from ablate.report.wording import unit_of

    if not found.measured:
        print("the examples have no answers: nothing to measure")
        return
    name, unit = found.metric["name"], unit_of(f"test_{found.metric['name']}", [found.metric])
    alone_names = (f"{arm} alone, mean" for arm in found.arms)
    table = wide_table("seeds", unit.labelled(f"fused: {name}"), *alone_names, "best member")
    best = max if found.metric["higher_is_better"] else min
    for one in found.fusions[:SHOWN]:
        alone_ = [one.mean_of(arm, name) for arm in found.arms]
        members = best(values[name] for values in one.members.values())
        cells = (unit.level(value) for value in (one.metrics[name], *alone_, members))
        table.add_row(", ".join(map(str, one.seeds)), *cells)
    console_of().print(table)
    if len(found.fusions) > SHOWN:
        print(f"and {len(found.fusions) - SHOWN} fusions more")


def _fuse_record(found: Any, verdicts: Any) -> dict[str, Any]:
    from ablate.report.formats.json_record import clean as without_nan

    fusions = [
        {
            "seeds": list(one.seeds),
            "metrics": dict(one.metrics),
            "members": [{"arm": arm, "seed": seed, **values} for (arm, seed), values in one.members.items()],
        }
        for one in found.fusions
    ]
    return without_nan({"arms": list(found.arms), "metric": found.metric["name"], "fusions": fusions,
                        "verdicts": verdicts.record() if verdicts else None})  # fmt: skip
