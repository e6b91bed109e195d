"""Writes files of the official format without the package, as the release was written: for tests of what reads them."""

import base64
import json
import struct

TABLE = []
for number in range(256):
    for _ in range(8):
        number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
    TABLE.append(number)


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def double(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


def metrics(evaluations, parameters, total):
    """The protobuf of a training: three evaluations of (epoch, time, train, validation, test), the parameters, the time."""
    out = b""
    for evaluation in evaluations:
        inner = b"".join(double(field, value) for field, value in enumerate(evaluation, 1)) + varint(6 << 3 | 2) + varint(0)
        out += varint(1 << 3 | 2) + varint(len(inner)) + inner
    return out + varint(2 << 3) + varint(parameters) + double(3, total)


def write(file, records):
    """Writes (hash, epochs, adjacency digits, operations with commas, metrics) one after the other."""
    with open(file, "wb") as out:
        for module_hash, epochs, adjacency, operations, raw in records:
            payload = json.dumps([module_hash, epochs, adjacency, operations, base64.b64encode(raw).decode()]).encode()
            length = struct.pack("<Q", len(payload))
            out.write(length + struct.pack("<I", masked_crc(length)) + payload + struct.pack("<I", masked_crc(payload)))
