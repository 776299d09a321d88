"""How plan, training, store and report grow with the number of cells: 10 seeds of 10, 100 and 1,000 learning rates.

    python experiments/benchmarks/size.py [CELLS ...]

A network of 16 units on the digits that trains for 4 steps, so that everything but training shows. Each command is a
process of its own; memory is the most that it held. Writes results/size.md. Expected time: three minutes on 2 cores.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ablate import base_config, choice

SEEDS = 10
COMMANDS = ("plan", "run", "run again", "report", "status")


def get_config(cells: str = "100"):
    """One arm per learning rate."""
    cfg = base_config()
    cfg.model = choice("mlp", widths=(16,))
    cfg.data = choice("digits")
    cfg.train.update(steps=4, batch_size=32, eval_every=2)
    rates = (round(0.01 + 0.0001 * k, 6) for k in range(int(cells) // SEEDS - 1))
    cfg.vary.optimizer = tuple(choice("momentum", learning_rate=rate) for rate in rates)
    cfg.seeds = SEEDS
    return cfg


def measured(command: str, cells: int, directory: Path) -> tuple[float, float]:
    """Seconds and GiB of a command; what it prints is thrown away."""
    config, workdir = f"--config={Path(__file__).resolve()}:{cells}", f"--workdir={directory}"
    words = {"plan": ["plan", config], "run": ["run", config, workdir], "run again": ["run", config, workdir]}
    started = time.perf_counter()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        process = subprocess.Popen(
            [sys.executable, "-m", "ablate", *words.get(command, [command, str(directory)])],
            stdout=nowhere, stderr=nowhere,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"ablate {command} with {cells} cells ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, used.ru_maxrss / 2**20


def main() -> None:
    """Measures and writes."""
    sizes = [int(cells) for cells in sys.argv[1:]] or [100, 1_000, 10_000]
    lines = ["| cells | " + " | ".join(COMMANDS) + " |", "| ---: |" + " ---: |" * len(COMMANDS)]
    for cells in sizes:
        with tempfile.TemporaryDirectory() as folder:
            found = [measured(command, cells, Path(folder) / "run") for command in COMMANDS]
        shown = (f"{seconds:.1f} s, {gib:.2f} GiB" for seconds, gib in found)
        lines.append(f"| {cells:,} | " + " | ".join(shown) + " |")
        print(lines[-1], file=sys.stderr)
    text = (
        "# How the cost of a study grows with its cells\n\n"
        "Seconds and peak memory of each command, imports included; a network of 16 units that trains for 4 steps, 10 "
        "seeds of every learning rate. `experiments/benchmarks/size.py`, once; "
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}.\n\n"
    )
    Path("results/size.md").write_text(text + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
