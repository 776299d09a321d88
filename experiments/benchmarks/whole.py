"""Whole wall times of the works, beside what people would use instead: each in a process of its own, in turns.

    python experiments/benchmarks/whole.py --torch=PYTHON [--rounds=3] [WORK ...]

PYTHON is an interpreter with PyTorch. Writes results/benchmarks.md: medians with least and most, ratios of medians, and
the machine; works that are not named stay as they were measured. Expected time: an hour on 2 CPU cores for three
rounds; `--without b` leaves out what takes longest.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import jax
import numpy as np

from ablate.data import DataSet, digits, tfds_dataset
from ablate.report.wording import plural
from ablate.runner.plan import make_plan
from ablate.study.resolving import resolve
from ablate.train.batches import DataKey, split_of

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import works  # noqa: E402  # beside this file

WORDS = {
    "ablate": "ablate run, warm compilation cache",
    "ablate cold": "ablate run, empty compilation cache",
    "a": "PyTorch eager, all cores",
    "a2": "PyTorch eager, one process per core",
    "b": "JAX loop, a step compiled per cell",
    "b2": "JAX loop, one compiled step for all cells, warm compilation cache",
    "c": "torch.func, all cells stacked, without running statistics",
    "limit": "the limit: operations of training at the rate of a matrix product here",
}


def arrays_of(work: works.Work) -> dict[str, np.ndarray]:
    """Scaled images and labels of one split, channels first."""
    dataset: DataSet = digits() if work.data == "digits" else tfds_dataset(work.data, size=work.side)
    split, stats = split_of(DataKey(0), dataset), dataset.info.stats["image"]
    images = (dataset.stacked["image"] / np.float32(255) - stats.mean) / stats.spread
    images, labels = images.transpose(0, 3, 1, 2).astype(np.float32), dataset.stacked["label"].astype(np.int64)
    parts = {"train": split.train, "val": split.validation, "test": split.test}
    return {f"{name}_{kind}": array[at] for name, at in parts.items() for kind, array in (("x", images), ("y", labels))}


def described(work: works.Work, cache: Path) -> str:
    """A work as the alternatives read it."""
    numbers = {"smoothing": works.SMOOTHING, "decay": works.DECAY, "clip": works.CLIP, "momentum": works.MOMENTUM}
    more = {"rates": works.rates(work), "batch": works.BATCH, "every": works.EVERY, "cache": str(cache)}
    return json.dumps({**work._asdict(), **numbers, **more})


def commands(name: str, work: works.Work, folder: Path, torch: str) -> dict[str, list[list[str]]]:
    """Each alternative as processes that run at once."""
    cells, cores = work.arms * work.seeds, os.cpu_count() or 1
    given = [described(work, folder / "xla"), str(folder / f"{name}.npz")]
    eager, loop = (
        [program, str(HERE / file)] for program, file in ((torch, "torch_eager.py"), (sys.executable, "jax_loop.py"))
    )
    config = f"--config={HERE / 'works.py'}:{name}"
    own = [sys.executable, "-m", "ablate", "run", config, f"--workdir={folder / 'run'}"]
    shares = [[str(cell) for cell in range(core, cells, cores)] for core in range(cores)]
    return {
        "ablate": [own],
        "ablate cold": [own],
        "a": [[*eager, *given]],
        "a2": [[*eager, *given, *share] for share in shares],
        "b": [[*loop, *given, "--each"]],
        "b2": [[*loop, *given]],
        **({"c": [[torch, str(HERE / "torch_ensemble.py"), *given]]} if work.model == "mlp" else {}),
    }


def limit(work: str, size: int = 2048, turns: int = 5) -> float:
    """Seconds that the operations of all training steps take at the best rate of a matrix product on all cores."""
    item = make_plan(resolve(works.get_config(work)), name=work).programs[0]
    square = jax.device_put(np.ones((size, size), np.float32))
    product, seconds = jax.jit(lambda a: a @ a), []
    for _ in range(turns + 1):
        started = time.perf_counter()
        product(square).block_until_ready()
        seconds.append(time.perf_counter() - started)
    operations = item.operations * item.training.steps * len(item.program.lanes)
    return operations * min(seconds[1:]) / (2 * size**3)


def timed(processes: Sequence[Sequence[str]], environment: Mapping[str, str], folder: Path) -> float:
    """Seconds until all have ended; what an earlier run left is removed before."""
    subprocess.run(["rm", "-rf", str(folder / "run")], check=True)
    started = time.perf_counter()
    running = [
        subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for words in processes
    ]
    errors = [process.communicate()[1] for process in running]
    seconds = time.perf_counter() - started
    for process, error in zip(running, errors, strict=True):
        if process.returncode:
            raise SystemExit(f"{process.args} ended with {process.returncode}: {error[-2000:]}")
    return seconds


def measure(name: str, folder: Path, torch: str, rounds: int, without: Sequence[str]) -> dict[str, list[float]]:
    """Seconds of every alternative in every round; a first round fills the caches and is left out."""
    work = works.WORKS[name]
    np.savez(folder / f"{name}.npz", **arrays_of(work))
    every = {key: words for key, words in commands(name, work, folder, torch).items() if key not in without}
    seconds: dict[str, list[float]] = {key: [] for key in every}
    for turn in range(rounds + 1):
        for key, processes in every.items():
            if turn == 0 and key not in ("ablate", "b2"):
                continue
            cache = folder / ("cold" if key == "ablate cold" else "warm")
            if key == "ablate cold":
                shutil.rmtree(cache, ignore_errors=True)
                if (folder / "warm" / "ablate" / "arrays").exists():  # pictures are decoded once for all programs
                    shutil.copytree(folder / "warm" / "ablate" / "arrays", cache / "ablate" / "arrays")
            spent = timed(processes, {**os.environ, "XDG_CACHE_HOME": str(cache)}, folder)
            print(f"{name} {key}: {spent:.1f} s", file=sys.stderr, flush=True)
            seconds[key] += [spent] if turn else []
    return {**seconds, "limit": [limit(name)]}


def table(found: Mapping[str, Mapping[str, Sequence[float]]]) -> list[str]:
    """A line per work and alternative; one work is measured in one day, whatever others are."""
    lines, day = [], time.strftime("%Y-%m-%d")
    for name, seconds in found.items():
        own = statistics.median(seconds["ablate"])
        for key, all_ in seconds.items():
            middle = statistics.median(all_)
            spread = f"{middle:.1f} ({min(all_):.1f} to {max(all_):.1f})"
            lines.append(f"| {name} | {WORDS[key]} | {spread} | {middle / own:.2f} | {day} |")
    return lines


def machine(torch: str) -> str:
    """What it was measured on."""
    words = "import torch; print(torch.__version__)"
    version = subprocess.run([torch, "-c", words], capture_output=True, text=True, check=True).stdout.strip()
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("jax", "jaxlib", "flax", "optax"))
    system = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    return f"{system}; Python {platform.python_version()}, {packages}, torch {version}."


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("works", nargs="*", default=[], metavar="WORK")
    parser.add_argument("--torch", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", action="append", default=[], choices=[*WORDS])
    options = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.works or list(works.WORKS):
            found[name] = measure(name, Path(folder), options.torch, options.rounds, options.without)
            print(write(found, options.torch, options.rounds))


def write(found: Mapping[str, Mapping[str, Sequence[float]]], torch: str, rounds: int) -> Path:
    """The table of the works so far."""
    head = (
        "| work | what | seconds (least to most) | over ablate's | measured |\n| :--- | :--- | ---: | ---: | :--- |\n"
    )
    text = (
        "# Whole wall times\n\n"
        "From the start of a process to its end, imports, compilation, evaluation and, for ablate alone, report and "
        f"figures included; medians of {plural(rounds, 'round')} in turns. Seconds compare within a work alone: "
        "machines of one kind are not equally fast from day to day. The works: "
        f"`experiments/benchmarks/works.py`. {machine(torch)}\n\n"
    )
    path = Path("results/benchmarks.md")
    before, heading, sections = (path.read_text(encoding="utf-8") if path.exists() else "").partition("\n## ")
    new, old = table(found), [line for line in before.splitlines() if line.startswith("| ")][2:]
    lines = [line for name in works.WORKS for line in (new if name in found else old) if line.startswith(f"| {name} |")]
    path.write_text(text + head + "\n".join(lines) + "\n" + heading + sections, encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
