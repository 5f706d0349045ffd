"""Draw README's picture: a drawn face whose pulse is 72 beats a minute, through `zoo predict`.

python docs/picture.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.faces import write_face_clip  # noqa: E402 (the drawn face of the tests)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_face_clip(Path(folder) / "clip.mp4", seconds=30, heart_rate=72, size=(640, 480))
        images = ROOT / "docs" / "images"
        command = [sys.executable, "-m", "zoo", "predict", "clip.mp4", "--out", str(Path(folder) / "out")]
        subprocess.run(command, cwd=folder, check=True)
        (images / "predict.png").write_bytes((Path(folder) / "out" / "clip.png").read_bytes())


if __name__ == "__main__":
    main()
