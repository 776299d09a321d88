"""Articles from practice that speak of tricks, beside the papers that docstrings name; a card says which of them do.

They are in Chinese, and advise; what they claim is for a study to find out.
"""

from typing import NamedTuple

__all__ = ["ARTICLES", "Article", "articles_on"]


class Article(NamedTuple):
    """An article and the choices that it speaks of.

    Args:
        author: who signs it; empty where nobody does.
        title: as it stands above the text.
        english: the title in English.
        about: the choices, as `axis.choice`.
    """

    author: str
    title: str
    english: str
    about: tuple[str, ...]

    def told(self) -> str:
        """Author and title, in one line."""
        return f"{f'{self.author}. ' if self.author else ''}{self.title} ({self.english})"


def articles_on(place: str) -> tuple[str, ...]:
    """The articles that speak of a choice.

    >>> articles_on("augment.jpeg")
    ('深度学习模型训练过程 (How a deep model is trained)',)
    """
    return tuple(article.told() for article in ARTICLES if place in article.about)


TRAINING = Article(
    "",
    "深度学习模型训练过程",
    "How a deep model is trained",
    (
        "scale.symmetric", "scale.standardize", "augment.random_crop", "augment.resized_crop", "augment.multi_scale",
        "augment.color_jitter", "augment.jpeg", "bias.zeros", "bias.constant", "norm.batch", "norm.group",
        "feature_loss.center_loss", "regression_loss.smooth_l1", "multi_task.weighting.fixed", "optimizer.momentum",
        "optimizer.adam", "layerwise.freeze", "model.vgg", "model.resnet", "model.inception", "model.mobilenet",
    ),
)  # fmt: skip
TUNING = Article(
    "言有三",
    "深度学习新手如何开始合适的“调参”任务",
    "How a newcomer to deep learning finds a fitting task to tune",
    (
        "init.pretrained", "scale.resize", "augment.random_crop", "gradient.accumulate", "layerwise.freeze",
        "penalty.l1", "penalty.l2", "decay.coupled", "dropout.dropout", "optimizer.momentum", "schedule.constant",
        "schedule.multistep", "model.bilinear",
    ),
)  # fmt: skip
NOTES = Article(
    "林员外聊编程",
    "面向初学者的人工智能学习笔记-计算机视觉-深度学习训练技巧",
    "Notes on artificial intelligence for beginners: computer vision, tricks for training deep networks",
    (
        "scale.unit", "scale.symmetric", "init.normal", "init.uniform", "init.fan_mean_normal", "init.lecun",
        "init.xavier", "norm.batch", "norm.layer", "norm.weight_norm", "place.before_activation", "dropout.dropout",
        "penalty.l2", "decay.coupled", "clip.global_norm", "optimizer.sgd", "optimizer.momentum",
        "optimizer.normalized_gradient", "optimizer.adagrad", "optimizer.rmsprop", "optimizer.adam",
        "schedule.exponential", "stop.early_stopping", "precision.float32", "precision.bfloat16", "model.resnet",
        "model.inception",
    ),
)  # fmt: skip
ANSWERS = Article(
    "Jack",
    "秀操作!值得收藏的训练trick",
    "Training tricks worth keeping",
    (
        "loss.focal", "dropout.dropout", "norm.batch", "norm.group", "activation.relu", "activation.soft_threshold",
        "schedule.sgdr", "average.snapshots", "objective.flood", "target.smooth_labels", "views.tta",
        "adversarial.game.wasserstein", "adversarial.generator.gan_mlp", "model.resnet", "model.shrinkage_resnet",
    ),
)  # fmt: skip
CONVOLUTIONS = Article(
    "",
    "CNN训练注意事项",
    "What to mind when training convolutional networks",
    (
        "scale.image_mean", "scale.channel_mean", "augment.flip", "init.zeros", "init.normal", "init.xavier",
        "init.he", "norm.batch", "activation.relu", "activation.tanh", "dropout.dropout", "optimizer.sgd",
        "layerwise.multipliers", "layerwise.layer_decay", "layerwise.freeze", "model.mlp",
    ),
)  # fmt: skip
ARTICLES = (TRAINING, TUNING, NOTES, ANSWERS, CONVOLUTIONS)
