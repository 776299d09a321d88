"""Sentences for the checklist or the appendix of a paper: what was run, how it was judged, and what it took.

Every sentence rests on the files of the run; what they do not hold is left out. A new one is a function `(Tables) ->
sentences` and its place in `PARAGRAPHS`.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from ablate.report.records import Tables
from ablate.report.section import Section
from ablate.report.sections.how_to_read import collapse_text
from ablate.report.wording import count, listed, plain, plural, short

DIGITS = 3  # of counted operations
SPLITS = (("train", "training"), ("validation", "validation"), ("test", "test"))
KINDS = ("diverged", "collapsed", "errors")  # how a run can end without a result that counts


def for_the_paper(tables: Tables) -> Section | None:
    """The sentences, once all cells have ended."""
    if tables.interim or not tables.tricks:
        return None
    texts = (" ".join(sentence for part in parts for sentence in part(tables)) for parts in PARAGRAPHS)
    return Section("paper", "For the paper", paragraphs=tuple(filter(None, texts)), printed=True)


def runs(tables: Tables) -> Iterator[str]:
    """How many arms, seeds and runs."""
    counts = sorted({arm.cells for arm in tables.arms})
    seeds = plural(counts[-1], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
    name = plain(tables.baseline.arm)
    baseline = "a baseline" if name == "baseline" else f"the baseline {name}"
    total = plural(len(tables.cells), "training run")
    yield f"We compare {plural(len(tables.tricks), 'arm')} with {baseline}, with {seeds} per arm: {total}."


def training(tables: Tables) -> Iterator[str]:
    """What a run is, where all arms train alike."""
    train = tables.study["train"]
    differ = any("train" in arm.changes for arm in tables.arms)
    if not tables.elsewhere and not differ:
        early = " at most" if any(cell.stopped_step is not None for cell in tables.cells) else ""
        batches = plural(train["batch_size"], "example")
        yield f"A run takes{early} {count(train['steps'])} steps with batches of {batches}."
    sizes = sorted({arm.parameters for arm in tables.arms if arm.parameters})
    if sizes:
        most = f" to {count(sizes[-1])}" if len(sizes) > 1 else ""
        yield f"Networks have {count(sizes[0])}{most} parameters."


def data(tables: Tables) -> Iterator[str]:
    """The data and how they are split."""
    known = tables.study["data"]
    sizes = [f"{count(known.get(part))} {use}" for part, use in SPLITS if known.get(part)]
    if known["name"] and sizes:
        whose = " for the baseline" if any("data" in arm.changes for arm in tables.arms) else ""
        yield f"The data are {plain(known['name'])}:{whose} {listed(sizes)} examples."
    rotates = known.get("arguments", {}).get("rotate_test")
    if rotates is not None:
        yield "Each seed draws its own test examples." if rotates else "All seeds are tested on the same examples."


def seeds(tables: Tables) -> Iterator[str]:
    """What a seed varies, and whether arms share them."""
    varies = listed([plain(words) for words in tables.study["seed_varies"]], 12)
    if varies:
        yield f"A seed varies {varies}."
    yield (
        "Arms share seeds, and differences are paired by seed." if tables.study["paired"] else "Arms share no seeds."
    )


def test(tables: Tables) -> Iterator[str]:
    """Metric, interval, test, correction and level."""
    contrasts = [arm.contrast for arm in tables.tricks if arm.contrast]
    tests = max((contrast.tests for contrast in contrasts), default=0)
    direction = "higher" if tables.better > 0 else "lower"
    yield f"Arms are judged by {tables.unit.metric} ({direction} is better), against the baseline."
    if any(contrast.low is not None for contrast in contrasts):
        kind = "the mean difference over seeds" if tables.study["paired"] else "the difference of means"
        yield f"Intervals are {tables.confidence} t intervals of {kind}, one arm at a time."
    if tests:
        level = f"at a family-wise error rate of {tables.level:g}"
        yield f"Significance is that of {test_name(tables)} for {plural(tests, 'test')}, {level}."
    margin = tables.study["metric"]["margin"]
    if margin and any(contrast.p_tost is not None for contrast in contrasts):
        within = f"±{tables.unit.points(tables.unit.size(margin))}"
        yield f"Equivalence within {within} is shown by two one-sided t tests with Holm's correction over the arms."


def test_name(tables: Tables) -> str:
    """The test that decides, and how it is corrected."""
    if tables.study.get("test", "t") == "max_t":
        return "sign flips of whole seeds, two-sided, corrected by the maximum statistic (max-T)"
    kind = "a paired t test over seeds" if tables.study["paired"] else "Welch's t test"
    return f"{kind}, two-sided, corrected by Holm's method"


def looks(tables: Tables) -> Iterator[str]:
    """How often results were looked at before."""
    planned = tables.study.get("looks") or ()
    seen = {look["rows"]: len(look["seeds"]) for look in tables.looks}
    if planned:
        yield (
            f"Looks at the results were planned at {listed([str(n) for n in planned], 12)} seeds; they share an error "
            f"rate of {tables.study['alpha']:g}, and an arm that was decided by one of them got no further seeds."
        )
    elif len(seen) > 1:
        at = listed([str(n) for n in seen.values()], 12)
        yield f"Results were looked at {len(seen)} times, with {at} seeds, which was not planned."


def confirmed(tables: Tables) -> Iterator[str]:
    """That the arms were chosen by other seeds."""
    record = tables.study.get("confirms")
    if record:
        yield (
            f"The arms were chosen by an earlier study with {plural(len(record['seeds']), 'seed')}; the runs here use "
            "other seeds, which had no part in that choice or in tuning."
        )


def tuning(tables: Tables) -> Iterator[str]:
    """How numbers were tuned, and with which budget."""
    record = tables.study.get("tuning")
    if not record:
        return
    points = record["points"]
    numbers = dict.fromkeys(f"{axis}.{name}" for point in points for axis in point for name in point[axis])
    budget = f"{plural(len(points), 'point')} on {plural(len(record['seeds']), 'seed')}"
    trained = len(points) * len(record["seeds"]) * len(record["arms"])
    yield (
        f"Before the comparison, every arm, the baseline included, was tuned with the same budget in "
        f"{listed([plain(name) for name in numbers], 12)}: {budget} that the comparison does not use "
        f"({plural(trained, 'run')}), chosen by the mean of {tables.unit_of(record['metric']).validation}."
    )
    if record.get("failed"):
        yield f"Of these runs, {record.get('failed')} failed."


def failures(tables: Tables) -> Iterator[str]:
    """Runs that failed, and how they count."""
    diverged, collapsed, errors = (sum(getattr(arm, kind) for arm in tables.arms) for kind in KINDS)
    total = plural(len(tables.cells), "run")
    collapse = collapse_text(tables)
    if diverged + collapsed:
        where = "pairs of runs" if tables.study["paired"] else "runs"
        parts = [f"{diverged} diverged", *([f"{collapsed} collapsed ({collapse})"] if collapse else [])]
        yield (
            f"Of {total}, {listed(parts)}: these count as failed. Means and differences are over {where} that "
            "succeeded; how often runs fail is compared by Boschloo's exact test, in the same family of tests."
        )
    else:
        yield f"No run diverged{f' or collapsed ({collapse})' if collapse else ''}."
    if errors:
        yield f"{plural(errors, 'run')} ended with an error and {'has' if errors == 1 else 'have'} no result."


def compute(tables: Tables) -> Iterator[str]:
    """Hardware, time and operations."""
    kinds = Counter(kind_of(str(device)) for device in tables.environment.get("devices") or ())
    devices = listed([f"{plural(n, 'device')} of kind {kind}" for kind, n in kinds.items()])
    processor = dict(tables.environment).get("processor")
    named = f", processor {plain(processor)}" if processor else ""
    progress = tables.progress or {}
    train, compiling = progress.get("train_seconds"), progress.get("compile_seconds")
    used = tables.environment.get("engine") or devices
    if used:
        yield f"The runs used {plain(used)}{named}."
    if train:
        compiled = f", compiling another {short(compiling)} s" if compiling else ""
        sessions = progress.get("sessions") or 1
        over = f", in {sessions} sessions" if sessions > 1 else ""
        yield f"Training steps took {short(train)} s in all{compiled}{over}."
    yield from operations(tables)


def operations(tables: Tables) -> Iterator[str]:
    """Floating-point operations of all training steps, where they were counted."""
    per_step = {arm.arm: arm.flops for arm in tables.arms}
    counted = [(per_step[cell.arm], cell.costs.get("steps")) for cell in tables.cells]
    total = sum(flops * steps for flops, steps in counted if flops and steps)
    if total and all(flops and steps for flops, steps in counted):
        yield f"The training steps of these runs come to {total:.{DIGITS - 1}e} floating-point operations."


def kind_of(device: str) -> str:
    """What JAX calls a device, without its number.

    >>> kind_of("cuda:0 NVIDIA A100"), kind_of("TFRT_CPU_0")
    ('NVIDIA A100', 'TFRT_CPU_0')
    """
    return plain(device.partition(" ")[2] or device)


def software(tables: Tables) -> Iterator[str]:
    """Versions and commit."""
    versions = {name: version for name, version in (tables.environment.get("versions") or {}).items() if version}
    python = tables.environment.get("python")
    named = [*([f"Python {python}"] if python else []), *(f"{name} {version}" for name, version in versions.items())]
    if named:
        yield f"Software: {plain(', '.join(named))}."
    commit = tables.environment.get("git_commit")
    if commit:
        dirty = ", with uncommitted changes" if tables.environment.get("git_dirty") else ""
        yield f"The code is that of commit {plain(commit)}{dirty}."


PARAGRAPHS: tuple[tuple[Callable[[Tables], Iterator[str]], ...], ...] = (
    (runs, training, data, seeds),
    (test, looks, confirmed, tuning, failures),
    (compute, software),
)
