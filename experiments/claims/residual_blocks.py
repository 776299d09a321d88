"""Do 1x1 convolutions round a narrow 3x3 save weights at no cost, and does squeeze-and-excitation add accuracy?

    ablate run --config=experiments/claims/residual_blocks.py

The article (S0): no convolution gives more for its price than the 1x1, which changes the number of channels for next
to no weights; and modules such as squeeze-and-excitation are worth a try.

A residual network of three basic blocks with 8, 16 and 32 channels; against it bottlenecks, whose 1x1 convolutions
narrow and widen as many channels round a 3x3 of a quarter of them; and the basic blocks with squeeze-and-excitation.
Digits, and 2,000 images of Fashion-MNIST shrunk to 8x8. Rates of 0.03, 0.1 and 0.3 were within a tenth of a point on
digits.

Support: of bottlenecks, equivalent within a point under either set; of squeeze-and-excitation, better on average, and
under neither worse. Expected time: 2 minutes on 2 CPU cores.

Found: bottlenecks are worse (shortfall +69 %, 95 % interval +56 to +83), by 2.6 points on digits and 4.4 on
Fashion-MNIST, with an eighth of the weights; a quarter of few channels is very few. Squeeze-and-excitation is worse
by 0.7 points on digits and equivalent on Fashion-MNIST (shortfall +15 % on average, +4 to +28).
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("resnet", depth=8, width=8, block="basic", se=False)
    cfg.recipe.scale = choice("resize", size=8)
    cfg.recipe.init = choice("he")
    cfg.recipe.norm = choice("batch")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1, beta=0.9)
    cfg.recipe.schedule = choice("cosine")
    cfg.train.update(steps=400, batch_size=64, eval_every=100)
    cfg.seeds = 10
    cfg.report.margin = 0.01
    cfg.vary.model = (choice("resnet", depth=11, width=2, block="bottleneck"), choice("resnet", se=True))
    cfg.across = {"data": ("digits", choice("fashion_mnist", examples=2000, validation=0.02))}
    return cfg


CLAIMS = (
    {
        "claim": "1x1 convolutions round a narrow 3x3 save most of the weights at no cost",
        "source": "S0",
        "arm": "model=resnet(depth=11, width=2, block=bottleneck)",
        "expects": "equivalent",
        "note": "0.13 of the weights, with as many blocks and channels between them; 3x3 of 2, 4 and 8 channels",
    },
    {
        "claim": "Squeeze-and-excitation improves a residual network",
        "source": "S0",
        "arm": "model=resnet(se=True)",
        "expects": "better",
        "note": "the article calls it worth a try",
    },
)
