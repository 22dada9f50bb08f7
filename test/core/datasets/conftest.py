"""A tiny sequence with a known answer, and bags made from it."""

import pytest
from tiny_sequence import Tiny
from written import write_bag


@pytest.fixture(scope="session")
def tiny_class():
    return Tiny


@pytest.fixture(scope="session")
def tiny_bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "bag"
    write_bag(Tiny(), path)
    return path


@pytest.fixture
def rewritten(tiny_bag, tmp_path):
    """Return a function that copies the tiny bag, changing or dropping (None) each topic and message."""
    from rosbags.highlevel import AnyReader
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)

    def copy(change=lambda topic, message: (topic, message), sqlite=False, name="copy", more=()):
        plugin = StoragePlugin.SQLITE3 if sqlite else StoragePlugin.MCAP
        with (
            AnyReader([tiny_bag]) as reader,
            Writer(tmp_path / name, version=9, storage_plugin=plugin) as writer,
        ):
            connections = {t: writer.add_connection(t, kind, typestore=store) for t, kind in more}
            for connection, recorded, data in reader.messages():
                changed = change(connection.topic, reader.deserialize(data, connection.msgtype))
                if changed is None:
                    continue
                topic, message = changed
                kind = message.__msgtype__
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=store)
                writer.write(connections[topic], recorded, store.serialize_cdr(message, kind))
        return tmp_path / name

    return copy
