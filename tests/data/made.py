"""Makes small data sets as tensorflow-datasets keeps them, in ArrayRecord, without TensorFlow."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from array_record.python import array_record_module
from PIL import Image
from tensorflow_datasets.core.example_serializer import ExampleSerializer
from tensorflow_datasets.core.folder_dataset import write_metadata
from tensorflow_datasets.core.naming import ShardedFileTemplate
from tensorflow_datasets.core.splits import SplitInfo


def folder_of(name: str) -> Path:
    return Path(os.environ["TFDS_DATA_DIR"]) / name / "1.0.0"


def write_data_set(name: str, splits: dict[str, list[np.ndarray]], label: str = "label", classes: Any = 3) -> Path:
    """Writes images [height, width, channels], the k-th of a split with label k modulo classes; gives the folder.

    `classes` is how many there are, or what they are called.
    """
    named = {"num_classes": classes} if isinstance(classes, int) else {"names": list(classes)}
    classes = classes if isinstance(classes, int) else len(classes)
    folder = folder_of(name)
    folder.mkdir(parents=True)
    channels = next(iter(splits.values()))[0].shape[-1]
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, channels)),
            label: tfds.features.ClassLabel(**named),
        }
    )
    serializer = ExampleSerializer(features.get_serialized_info())
    infos = []
    for split, images in splits.items():
        template = ShardedFileTemplate(folder, dataset_name=name, split=split, filetype_suffix="array_record")
        path = template.sharded_filepath(shard_index=0, num_shards=1)
        writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
        for k, image in enumerate(images):
            writer.write(
                serializer.serialize_example(features.encode_example({"image": png(image), label: k % classes}))
            )
        writer.close()
        infos.append(SplitInfo(name=split, shard_lengths=[len(images)], num_bytes=1, filename_template=template))
    write_metadata(data_dir=str(folder), features=features, split_infos=infos, check_data=False, description="made")
    return folder


def png(image: np.ndarray) -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG")
    file.seek(0)
    return file
