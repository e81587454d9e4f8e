"""What the two limits answer: as long as a prediction of heartapp, and always the same."""

from __future__ import annotations

from typing import Final

RISK: Final = 0.3710204
ANSWER: Final = (
    b'{"model":{"name":"bedside","version":"1","digest":"sha256:'
    b'0000000000000000000000000000000000000000000000000000000000000000"},'
    b'"death_event":1,"risk":0.3710204,"threshold":0.32,"base_rate":0.3210702341137124,"votes":['
    b'{"member":"decision_tree","probability":0.4545454680919647,"vote":1},'
    b'{"member":"random_forest","probability":0.3259223103523254,"vote":1},'
    b'{"member":"gradient_boosting","probability":0.3879597187042236,"vote":1}],"cautions":[],"missing":[]}'
)
