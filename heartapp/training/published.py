"""By what the published table is known again, without holding it.

Digests of the canonical form (see `heartapp.training.data`) of UCI data set 519, doi 10.24432/C5Z89R, CC BY 4.0.
"""

from __future__ import annotations

from typing import Final

DIGEST: Final = "sha256:a0eceac190cfa0c5425bbd3074ce9a9eaa6bd3f270b5e3121af4d43623051c17"

COLUMN_DIGESTS: Final = (
    "8227d3b78ddfb6d3",
    "e0d52faeb23146b5",
    "859572874a18403f",
    "f630813842bf6798",
    "b58c6f6bc50571eb",
    "4ef35d30ede5a7ce",
    "0dab701ca3b363d8",
    "4c10119c4f4f27d6",
    "d76efc87eeba64b3",
    "3318b198e1419fbe",
    "069048c7ccc9db34",
    "7ae60455ed8120a6",
    "669940a55cf3ae92",
)
"""Of each column, the first 16 hexadecimal digits."""

_ROWS: Final = (
    "da935453abd9dacf16e6c0981a788a4c5a0189e17a9e3be8882432610ad3edeb2c058a624d9d6a442599a3daf60ff076"
    "dc57c313b705e19e9aaa2ecd3b33d015839e43751714fe2e36d9a3bf1c1ca378756e2250db10f894a328c3f3628c93b3"
    "d69f81fa77ce5de6948e596b004925ba4738e4f779393a8a1c959b10feae821a43e349ef7f29d80b7246051eef099e3d"
    "737a12c47a8764de072d8b72c17ed1b313acfce958336621e9a62b422292a3a527f57a845b4bfa0eef844f72c1743212"
    "1238a46d4a1e1bfa18663b5091b1b4a7c9fa88928707df45f76650b23067ae78172c5434096cc2efd413f6c03ede19b6"
    "8153c2dcf7d5d13be3100247660222aec31e38143465dc0b5cba768cd2e37a6228bbecd35497eb2938ecff88787bda04"
    "b99dfa657b67313bb12d8fc42d9bc2be0b7b168939dbbb87e5bbb25af5dc08787da1aa10ea968c53f89719b0a22cf15d"
    "d1a76dbc19b8d74ede49f2a04115609397caa70c968e057fd4b8496fd62d7fdacc5b8e4302ca55d04e2f171ac5797c79"
    "4c65b8eeb77dbefde84bec490371227e52b380cf18001893538d8f3a4a25897978a803441c2c96f5df5c08a3f55a915d"
    "69ba9933e06ba4fdde132bd15c5bbbed38fe33d5557316bc89076f5fc0836062cff8c94f241a25f6e68783b10960efae"
    "e1e2c35e37b7f598ec02671d8f9da5ca6dc79bbdc446dd606aed7a56c34b20edfb3689790da1bc482dbbe5f0c4813372"
    "f0cbb6c4108952974063742fc2fd9a178717746eace6a7686a0de2c01e0710c5cb1010f8ba8fa7996efe37ee51e2b372"
    "27dcb99a08a64b4d82b303cdbd70e44608d7498ac605"
)

ROW_CHECKSUMS: Final = tuple(int(_ROWS[start : start + 4], 16) for start in range(0, len(_ROWS), 4))
"""Of each row, 16 bits."""
