"""Does a study without any effect stay silent? The same recipe under six names, each with seeds of its own.

    ablate run --config=experiments/aa_test.py
    python experiments/aa_test.py            # the simulations: results/aa_test/simulation.md

Expected time: about 20 s for the study and 5 minutes for the simulations on 2 CPU cores.
Expected finding: no arm is better or worse; simulated rates keep their promises, except far for tails that the baseline
does not share, and slightly for very coarse metrics, a single wide arm, and the power of Welch's test at few seeds.
"""

import sys
from pathlib import Path

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(128, 128))
    cfg.data = choice("digits", label_noise=0.2)
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1, beta=0.9)
    cfg.train.steps = 600
    cfg.train.batch_size = 64
    cfg.design = "arms"
    cfg.arms = {f"copy {k}": {} for k in "ABCDE"}
    cfg.paired = False
    cfg.seeds = 12
    return cfg


if __name__ == "__main__":
    from ablate.results.files import write_atomically
    from ablate.stats.simulation import simulation_report

    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    print(write_atomically(Path("results/aa_test/simulation.md"), simulation_report(repeats)))
