"""A writer of lossless JPEGs (SOF3): all predictors, point transforms, sampling factors, restarts, one scan or several.

cjpeg writes them from libjpeg-turbo 3 on only, and not all of them. The procedure is that of ITU-T T.81, annex H, with
libjpeg's rule that a restart interval is whole rows.
"""

import struct

PREDICTORS = {
    1: lambda a, b, c: a,
    2: lambda a, b, c: b,
    3: lambda a, b, c: c,
    4: lambda a, b, c: a + b - c,
    5: lambda a, b, c: a + ((b - c) >> 1),
    6: lambda a, b, c: b + ((a - c) >> 1),
    7: lambda a, b, c: (a + b) >> 1,
}


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def differences(plane, predictor, shift, restart_rows):
    """Differences modulo 2^16, row by row; a restart begins as the picture does."""
    rows = [[int(sample) >> shift for sample in row] for row in plane]
    found = []
    for y, row in enumerate(rows):
        first = y == 0 or (restart_rows and y % restart_rows == 0)
        line = []
        for x, sample in enumerate(row):
            if first:
                expected = row[x - 1] if x else 1 << (7 - shift)
            elif x == 0:
                expected = rows[y - 1][0]
            else:
                expected = PREDICTORS[predictor](row[x - 1], rows[y - 1][x], rows[y - 1][x - 1])
            line.append((sample - expected) & 0xFFFF)
        found.append(line)
    return found


def size_and_bits(difference):
    """The category of a difference and its further bits."""
    value = difference - 0x10000 if difference > 0x8000 else difference
    size = abs(value).bit_length()
    if size == 16:
        return 16, 0, 0
    return size, value if value >= 0 else value + (1 << size) - 1, size


def code_of_lengths(lengths):
    """Codes in order; (counts a length, {symbol: (code, length)})."""
    code, codes, counts, length = 0, {}, [0] * 16, 0
    for symbol, wanted in sorted(lengths.items(), key=lambda item: (item[1], item[0])):
        code <<= wanted - length
        length = wanted
        codes[symbol] = (code, length)
        counts[length - 1] += 1
        code += 1
    return counts, codes


# Short codes for small differences, one of 12 bits for the largest.
LENGTHS = {0: 2, 1: 3, 2: 3, 3: 3, 4: 4, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8, 10: 9, 11: 10, 12: 11, 13: 12, 14: 13, 15: 14, 16: 15}


def scan_data(members, wide, rows_of_mcus, restart_rows):
    """`members`: (differences, h, v) each. Beyond a component's edge differences are 0."""
    counts, codes = code_of_lengths(LENGTHS)
    out, accumulator, held = bytearray(), 0, 0

    def put(value, count):
        nonlocal accumulator, held
        accumulator, held = accumulator << count | value, held + count
        while held >= 8:
            byte = accumulator >> (held - 8) & 255
            out.append(byte)
            if byte == 255:
                out.append(0)
            held -= 8
        accumulator &= (1 << held) - 1

    for row in range(rows_of_mcus):
        if restart_rows and row and row % restart_rows == 0:
            if held:
                put((1 << 8 - held) - 1, 8 - held)
            out += bytes([0xFF, 0xD0 + (row // restart_rows - 1) % 8])
        for mcu in range(wide):
            for lines, h, v in members:
                for y in range(row * v, row * v + v):
                    for x in range(mcu * h, mcu * h + h):
                        known = y < len(lines) and x < len(lines[0])
                        size, bits, length = size_and_bits(lines[y][x] if known else 0)
                        put(*codes[size])
                        put(bits, length)
    if held:
        put((1 << 8 - held) - 1, 8 - held)
    return bytes(out)


def write(planes, sampling=None, predictor=1, shift=0, restart_rows=0, apart=False, before=b"", ids=None):
    """A file of `planes` (lists of rows of 8-bit samples, each as large as its sampling factors have it)."""
    sampling = sampling or [(1, 1)] * len(planes)
    ids = ids or list(range(1, len(planes) + 1))
    most_h, most_v = max(h for h, _ in sampling), max(v for _, v in sampling)
    full = sampling.index((most_h, most_v))
    height, width = len(planes[full]), len(planes[full][0])
    counts, codes = code_of_lengths(LENGTHS)
    frame = struct.pack(">BHHB", 8, height, width, len(planes))
    frame += b"".join(bytes([number, h << 4 | v, 0]) for number, (h, v) in zip(ids, sampling))
    symbols = bytes(sorted(codes, key=lambda symbol: (codes[symbol][1], symbol)))
    data = b"\xff\xd8" + before + segment(0xC3, frame) + segment(0xC4, bytes([0, *counts]) + symbols)
    scans = [[index] for index in range(len(planes))] if apart else [list(range(len(planes)))]
    for members in scans:
        alone = len(members) == 1
        if alone:
            wide, rows = len(planes[members[0]][0]), len(planes[members[0]])
        else:
            wide, rows = -(-width // most_h), -(-height // most_v)
        lines = []
        for index in members:
            h, v = (1, 1) if alone else sampling[index]
            lines.append((differences(planes[index], predictor, shift, restart_rows * v), h, v))
        data += segment(0xDD, struct.pack(">H", restart_rows * wide))
        header = bytes([len(members)]) + b"".join(bytes([ids[index], 0]) for index in members)
        data += segment(0xDA, header + bytes([predictor, 0, shift]))
        data += scan_data(lines, wide, rows, restart_rows)
    return data + b"\xff\xd9"
