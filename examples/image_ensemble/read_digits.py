"""Read handwritten digits from pictures through the ensemble of build_repository.py; answers one line for each.

python read_digits.py [HOST:PORT] [COUNT]
"""

import sys

import numpy as np
import tritonclient.http as httpclient
from sklearn.datasets import load_digits


def pictures(count: int) -> list[tuple[np.ndarray, int]]:
    """Enlarge scans of scikit-learn's to colour pictures of several sizes: uint8 [height, width, 3], and the digit."""
    scans = load_digits()
    made = []
    for i in range(count):
        enlarged = np.kron(scans.images[i], np.ones((4 + i % 5, 4 + i % 3)))
        grey = (enlarged * (255 / 16)).astype(np.uint8)
        made.append((np.repeat(grey[:, :, None], 3, axis=2), int(scans.target[i])))
    return made


def main() -> None:
    """Print a line for each picture."""
    client = httpclient.InferenceServerClient(sys.argv[1] if len(sys.argv) > 1 else "localhost:8000")
    for picture, written in pictures(int(sys.argv[2]) if len(sys.argv) > 2 else 20):
        image = httpclient.InferInput("IMAGE", list(picture.shape), "UINT8")
        image.set_data_from_numpy(picture)
        answer = client.infer("digit_reader", [image])
        digit, score = answer.as_numpy("DIGIT").item().decode(), answer.as_numpy("SCORE").item()
        print(f"{picture.shape[1]}x{picture.shape[0]}: read {digit} ({score:.4f}), written {written}")


if __name__ == "__main__":
    main()
