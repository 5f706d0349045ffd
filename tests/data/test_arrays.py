from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from zoo.data.arrays import hdf5_vector, is_array, matlab_variables, open_array
from zoo.errors import DataError, VideoError, ZooError

VIDEO = np.random.default_rng(0).integers(0, 255, (20, 12, 16, 3), dtype=np.uint8)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("video", data=VIDEO.transpose(3, 2, 1, 0), compression="gzip", chunks=(3, 16, 12, 4))
        file["label"] = np.arange(5.0)[:, None]
        word = file.create_dataset("motion", data=np.array([[ord(letter)] for letter in "Walking"], np.uint16))
        word.attrs["MATLAB_class"] = np.bytes_("char")
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.mat"
    variables = {"video": VIDEO, "label": np.arange(5.0), "motion": "Walking", "nested": {"a": 1}}
    scipy.io.savemat(path, variables, do_compression=True)
    return path


@pytest.mark.parametrize("kind", ["new", "old"])
def test_frames_and_labels_of_both_kinds(kind: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(kind)
    assert is_array(path)
    with open_array(path) as video:
        frames = list(video)
    np.testing.assert_array_equal([frame.rgb() for frame in frames], VIDEO)
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(20) / 30)
    found = matlab_variables(path, ["label", "motion", "absent", "nested"])
    assert set(found) == {"label", "motion"} and found["motion"] == "Walking"
    np.testing.assert_array_equal(found["label"].ravel(), np.arange(5.0))


def test_frames_outlive_their_video(new: Path) -> None:
    assert sum(1 for _ in open_array(new)) == 20


@pytest.mark.parametrize("kind", ["new", "old"])
def test_damage_anywhere_is_a_clear_refusal(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    content = bytearray(request.getfixturevalue(kind).read_bytes())
    random = np.random.default_rng(1)
    path, refused = tmp_path / "damaged.mat", 0
    for attempt in range(60):
        damaged = bytearray(content)
        if attempt % 2:
            damaged = damaged[: random.integers(1, len(damaged))]
        else:
            for place in random.integers(0, min(len(damaged), 4096), 12):
                damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            with open_array(path) as video:
                for _ in video:
                    pass
            matlab_variables(path, ["label", "motion"])
        except ZooError:
            refused += 1
    assert refused > 25


def test_data_in_other_files_is_refused(tmp_path: Path, new: Path) -> None:
    path = tmp_path / "links.mat"
    with h5py.File(path, "w") as file:
        file["video"] = h5py.ExternalLink(str(new), "video")
        file["soft"] = h5py.SoftLink("/video")
        layout = h5py.VirtualLayout(shape=(5, 1), dtype="f8")
        layout[:] = h5py.VirtualSource(str(new), "label", shape=(5, 1))
        file.create_virtual_dataset("virtual", layout)
        file.create_group("group")
    with pytest.raises(VideoError, match="it is refused"):
        open_array(path)
    for name in ("soft", "virtual", "group"):
        with pytest.raises(DataError, match="it is refused"):
            hdf5_vector(path, name)


@pytest.mark.parametrize("shape", [(5,), (4, 6, 6), (5, 6, 7, 4), (0, 6, 7, 3)])
def test_what_is_no_colour_video_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "shape.mat"
    with h5py.File(path, "w") as file:
        file["video"] = np.zeros(shape, np.uint8)
    with pytest.raises(VideoError, match="shape"):
        open_array(path)


def test_a_file_that_claims_to_be_huge_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("video", shape=(10, 10**5, 10**5, 3), dtype="u1", chunks=(1, 100, 100, 3))
        file.create_dataset("label", shape=(10**10, 1), dtype="f8", chunks=(100, 1))
    with pytest.raises(VideoError, match="megapixels"):
        open_array(path)
    with pytest.raises(DataError, match="holds no signal"):
        hdf5_vector(path, "label")


def test_absent_names_and_files(tmp_path: Path, new: Path) -> None:
    assert hdf5_vector(new, "absent") is None
    with pytest.raises(DataError, match="is missing"):
        hdf5_vector(tmp_path / "absent.mat", "label")
    with pytest.raises(VideoError, match="is damaged or not"):
        scipy.io.savemat(tmp_path / "empty.mat", {})
        (tmp_path / "text.mat").write_text("hello " * 100)
        open_array(tmp_path / "text.mat")
