"""The tensors of the Open Inference Protocol, as JSON or as binary data, and a table of patients made from them."""

from collections.abc import Iterable, Sequence
from math import prod
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from heartapp.clinical.patient import MISSING, missing, printable
from heartapp.clinical.variables import BY_NAME
from heartapp.errors import FieldError, InvalidPatientError
from heartapp.inference.model import Model
from heartapp.protocols.shared import malformed
from heartapp.tables.cells import NOT_A_NUMBER
from heartapp.tables.check import check_table
from heartapp.web.patients import too_many

TABLE: Final = "patients"
"""The name of a tensor that holds all variables, in the order of the model's."""
INTEGERS: Final = {
    f"{sign}INT{8 * size}": f"<{sign.lower() or 'i'}{size}" for sign in ("", "U") for size in (1, 2, 4, 8)
}
DTYPES: Final = {"BOOL": "?", "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", **INTEGERS}
"""NumPy's name of each datatype that is read."""


class Parameters(msgspec.Struct, frozen=True, omit_defaults=True):
    """The parameters of the binary tensor extension; others are ignored."""

    binary_data_size: Annotated[int, Meta(ge=0)] | None = None
    binary_data: bool | None = None
    binary_data_output: bool = False


class Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An input, an output that is asked for (its name and parameters), or an output in row-major order."""

    name: str
    datatype: str = ""
    shape: list[Annotated[int, Meta(ge=0)]] = []
    parameters: Parameters = Parameters()
    data: list[Any] | UnsetType = UNSET


def read_table(inputs: Sequence[Tensor], binary: bytes, model: Model, most: int) -> NDArray[np.float64]:
    """The patients of a request, shape (n, variables), of which each value was checked.

    Args:
        inputs: the tensors, some of them with their data in ``binary``.
        binary: what follows the JSON.
        model: the model that is asked.
        most: how many patients there may be.

    Raises:
        RequestError: the binary data is not as the tensors say, or there are too many patients.
        InvalidPatientError: lists the faults of all tensors, or else of all patients.
    """
    if any(tensor.shape[0] > most for tensor in inputs if tensor.shape):
        raise too_many(most)
    faults = [*_misnamed([tensor.name for tensor in inputs], model)]
    columns: dict[str, NDArray[np.float64]] = {}
    for tensor, section in zip(inputs, _split(binary, inputs), strict=True):
        try:
            values = _read_tensor(tensor, section, len(model.names))
        except ValueError as error:
            faults.append(FieldError(printable(tensor.name), str(error)))
        else:
            columns |= zip(model.names if tensor.name == TABLE else [tensor.name], values.T, strict=True)
    rows = {len(column) for column in columns.values()}
    if len(rows) > 1:
        faults.append(FieldError("inputs", f"must all have the same number of rows; they have {sorted(rows)}"))
    elif sent := [variable for variable in model.variables if variable.name in columns]:
        table = np.column_stack([columns[variable.name] for variable in sent])
        faults += check_table(table, [], sent, model.required)[0]
    if faults:
        raise InvalidPatientError(faults)
    absent = np.full(max(rows, default=0), MISSING)
    return np.column_stack([columns.get(name, absent) for name in model.names])


def write_tensor(name: str, datatype: str, values: NDArray[Any], *, binary: bool) -> tuple[Tensor, bytes]:
    """An output, and its binary data if that is asked for."""
    shape = [*values.shape]
    if not binary:
        return Tensor(name, datatype, shape, data=values.ravel().tolist()), b""
    if datatype in DTYPES:
        content = values.astype(DTYPES[datatype]).tobytes()
    else:  # BYTES: each text behind its length
        texts = [text.encode() for text in values.tolist()]
        content = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return Tensor(name, datatype, shape, Parameters(binary_data_size=len(content))), content


def _split(binary: bytes, inputs: Iterable[Tensor]) -> list[bytes | None]:
    """The binary data of each tensor, None for one without."""
    sections: list[bytes | None] = []
    start = 0
    for tensor in inputs:
        size = tensor.parameters.binary_data_size
        sections.append(None if size is None else binary[start : start + size])
        start += size or 0
    if start != len(binary):
        raise malformed(f"binary_data_size adds up to {start:,} bytes, after the JSON there are {len(binary):,}")
    return sections


def _misnamed(names: Sequence[str], model: Model) -> Iterable[FieldError]:
    """What is wrong with the choice of tensors."""
    for name in dict.fromkeys(names):
        if name not in (*model.names, TABLE):
            listed = ", ".join(model.names)
            yield FieldError(printable(name), f"is not an input of this model; send {listed}, or {TABLE} alone")
        elif names.count(name) > 1:
            yield FieldError(name, "is there more than once")
    if TABLE not in names:
        yield from (FieldError(name, missing(BY_NAME[name])) for name in model.required if name not in names)
    elif len(names) > 1:
        yield FieldError(TABLE, "holds all variables; send no other tensor beside it")


def _read_tensor(tensor: Tensor, section: bytes | None, width: int) -> NDArray[np.float64]:
    """The values of a tensor, shape (n, 1), or (n, width) where it is the whole table.

    Raises:
        ValueError: its datatype, shape or data does not fit; says what is expected.
    """
    shapes = [[-1, width]] if tensor.name == TABLE else [[-1], [-1, 1]]
    if not tensor.shape or [-1, *tensor.shape[1:]] not in shapes:
        raise ValueError(f"must have the shape {' or '.join(map(str, shapes))}, where -1 is the number of patients")
    if tensor.datatype not in DTYPES:
        raise ValueError(f"must have one of the datatypes {', '.join(DTYPES)}")
    if (section is None) == (tensor.data is UNSET):
        raise ValueError("must have either data or, with binary data after the JSON, binary_data_size")
    values = _from_json(tensor) if section is None else _from_binary(tensor, section)
    return values.reshape(-1, shapes[-1][1])


def _from_binary(tensor: Tensor, section: bytes) -> NDArray[np.float64]:
    dtype = np.dtype(DTYPES[tensor.datatype])
    if len(section) != (size := prod(tensor.shape) * dtype.itemsize):
        raise ValueError(f"must have {size:,} bytes of binary data for its shape and datatype")
    return np.frombuffer(section, dtype).astype(np.float64)


def _from_json(tensor: Tensor) -> NDArray[np.float64]:
    data = tensor.data or []
    # Nested arrays as one, if each has the length that the shape says.
    if all(isinstance(row, list) and [len(row)] == tensor.shape[1:] for row in data):
        data = [value for row in data for value in row]
    if len(data) != (size := prod(tensor.shape)):
        raise ValueError(f"must have {size:,} values for its shape, flat or in one array for each row")
    kinds = (bool,) if tensor.datatype == "BOOL" else (int, float)
    # The type itself: True is an int to `isinstance`. NumPy makes NaN of None.
    values = np.array([one if type(one) in kinds or one is None else NOT_A_NUMBER for one in data], np.float64)
    broken = np.flatnonzero(np.trunc(values) != values)
    if tensor.datatype in INTEGERS and broken.size:
        row = broken[0] * tensor.shape[0] // size
        raise ValueError(f"row {row} is not {tensor.datatype}; send FP64, in which NaN or null is a missing value")
    return values
