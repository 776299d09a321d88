"""Does a Wasserstein GAN cover the modes that a non-saturating one loses, and does its critic's loss follow quality?

    ablate run --config=experiments/wgan.py --workdir=DIR
    python experiments/wgan.py DIR        samples.png beside the report, and how well the loss follows the samples

All arms see the same number of batches: a step is an update of the critic, the generator moves at every 1st or 5th.
The numbers come from trials of one seed, 4,000 steps and 2 latent numbers: of learning rates of 1e-3 and 2e-4 for each
network, 1e-3 for both was the best pair for the Wasserstein games and close to it for the other; clips of 0.1 and 0.3
did alike, and so did penalties of 0.1 and 1. The articles' own 0.01 and 10 came to nothing on data as small as this.

Expected time: three minutes on 2 CPU cores, compile included.
Expected finding: with the gradient penalty 92 % of the modes are covered, without it, non-saturating, 27 %, and 15 %
where the critic makes five steps for one, as it does with the penalty. Clipped weights cover none or most of the modes,
by the seed: no verdict. The price of the penalty is sharpness: 24 % of its samples lie within 3 sd of a center, 92 % of
the non-saturating ones do, and its sliced distance still falls at the end. With the penalty the critic's loss follows
quality, once the critic has caught up with the data: from step 1,600 on the rank correlation with the sliced distance
is 0.98 (from 0.96 to 0.99 by seed), over the whole training 0.55; that window was chosen after the curves were seen.
Non-saturating, the loss says nothing (-0.28; -0.39 with five steps); clipped, it depends on the seed (-0.72 to 0.95).
Which modes are lost depends on the generator, too: with 2 latent numbers instead of 8, the one non-saturating cell that
was tried covered all of them.
"""

import sys
from pathlib import Path

import ablate
from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.task = "adversarial"
    cfg.data = choice("gaussians", modes=8)
    cfg.recipe.generator = choice("mlp", widths=(64, 64), latent=8)
    cfg.recipe.critic = choice("mlp", widths=(64, 64))
    cfg.recipe.optimizer = choice("adam", learning_rate=1e-3, beta1=0.5, beta2=0.9)
    cfg.recipe.critic_optimizer = choice("adam", learning_rate=1e-3, beta1=0.5, beta2=0.9)
    cfg.train.steps = 6000
    cfg.train.eval_every = 200
    cfg.train.keep_weights = True
    cfg.vary.game = (
        choice("non_saturating", critic_steps=5),
        choice("wasserstein", clip=0.1),
        choice("gradient_penalty", weight=0.1),
    )
    return cfg


def samples_of(study, count=500):
    """(arm, seed, samples [count, 2]) of every cell whose variables were kept, from a key that training never used."""
    import jax.numpy as jnp
    import numpy as np

    from ablate.runner.plan import make_plan
    from ablate.study.resolving import resolve
    from ablate.tasks.keys import keys_of

    rows = ablate.load(study)
    finished = {(row["arm"], row["seed"]) for row in rows if row["status"] == "done"}
    for item in make_plan(resolve(get_config()), name="wgan").programs:
        for lane in item.program.lanes:
            arm, seed = lane.cell.arm.name, lane.cell.seed
            if (arm, seed) in finished:
                batch = {"vector": jnp.zeros((count, 2))}  # only how many there are counts
                drawn = item.task.predict(rows.variables(arm, seed), batch, keys_of(seed), lane.hp)
                yield arm, seed, np.asarray(drawn)


def draw(study):
    """Writes `samples.png` into the folder of the study: a row per arm, a column per seed, centers as crosses."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    from ablate.data import gaussians

    drawn = {(arm, seed): points for arm, seed, points in samples_of(study)}
    arms, seeds = (list(dict.fromkeys(key[k] for key in drawn)) for k in (0, 1))
    size = (2 * len(seeds), 2.2 * len(arms))
    figure, grid = plt.subplots(len(arms), len(seeds), figsize=size, sharex=True, sharey=True, squeeze=False)
    for axes, (arm, seed) in zip(grid.flat, ((arm, seed) for arm in arms for seed in seeds), strict=True):
        axes.plot(*gaussians(modes=8).facts["centers"].T, "x", color="black", markersize=4)
        if (arm, seed) in drawn:
            axes.plot(*drawn[arm, seed].T, ".", markersize=1.5, alpha=0.5)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), xticks=(), yticks=(), aspect="equal")
        axes.set_title(f"{arm}\nseed {seed}", fontsize=6)
    figure.tight_layout()
    path = Path(study) / "samples.png"
    figure.savefig(path, dpi=150)
    return path


def agreement(study, start=1):
    """Arm -> rank correlation of minus the critic's loss with the sliced distance, for each seed.

    1 where the loss tells which of two moments of a training has the better samples, 0 where it tells nothing. The loss
    is the mean of the steps since the evaluation before; evaluations before the one numbered `start` are left out.
    """
    import numpy as np
    from scipy.stats import spearmanr

    found = {}
    for row in ablate.load(study):
        if row["status"] == "done":
            loss, distance = (np.array(row["curves"][n][start:]) for n in ("critic_loss", "val_sliced_distance"))
            found.setdefault(row["arm"], []).append(float(spearmanr(-loss, distance)[0]))
    return found


if __name__ == "__main__":
    for start in (1, 8):
        for name, values in agreement(sys.argv[1], start).items():
            print(f"from evaluation {start} on, {name}: {' '.join(f'{value:+.2f}' for value in values)}")
    print(draw(sys.argv[1]))
