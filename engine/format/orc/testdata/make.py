# Makes the files beside it with pyarrow (Apache ORC's C++ writer).
import datetime
import decimal

import pyarrow as pa
import pyarrow.orc as orc

rows = range(350)


def sometimes(i, v):
    return None if i % 11 == 3 else v


def patched(i):
    return i * i % 101 + (10**12 + i if i % 97 == 5 else 0)


epoch = datetime.datetime(1970, 1, 1)
table = pa.table({
    "i": pa.array([i for i in rows], pa.int64()),
    "patched": pa.array([patched(i) for i in rows], pa.int64()),
    "negative": pa.array([-patched(i) - 7 for i in rows], pa.int64()),
    "repeat": pa.array([i // 5 * 300 for i in rows], pa.int32()),
    "direct": pa.array([i * 7919 % 65537 - 30000 for i in rows], pa.int32()),
    "falling": pa.array([-i * 30 - i * i % 17 for i in rows], pa.int64()),
    "byte": pa.array([sometimes(i, i // 4 % 256 - 128) for i in rows], pa.int8()),
    "bool": pa.array([sometimes(i, i % 3 == 0) for i in rows]),
    "float": pa.array([sometimes(i, i / 4) for i in rows], pa.float32()),
    "text": pa.array([sometimes(i, "t%d" % (i * 7919 % 65537)) for i in rows]),
    "dictionary": pa.array([sometimes(i, "v%d" % (i % 7)) for i in rows]),
    "decimal": pa.array([sometimes(i, decimal.Decimal(i * 7919 * 10**20 * (-1) ** i).scaleb(-5)) for i in rows], pa.decimal128(38, 5)),
    "date": pa.array([sometimes(i, i * 300 - 90000) for i in rows], pa.date32()),
    "time": pa.array([sometimes(i, epoch + datetime.timedelta(days=i * 30 - 9000, microseconds=i * 1000 * 10 ** (i % 4))) for i in rows], pa.timestamp("us")),
    "list": pa.array([sometimes(i, [None if j == 1 else i + j for j in range(i % 4)]) for i in rows], pa.list_(pa.int32())),
})
for name, codec, version in [("v2_zlib", "zlib", "0.12"), ("v2_lz4", "lz4", "0.12"), ("v2_zstd", "zstd", "0.12"),
                             ("v1_snappy", "snappy", "0.11"), ("v2_none", "uncompressed", "0.12")]:
    orc.write_table(table, name + ".orc", compression=codec, file_version=version, dictionary_key_size_threshold=0.5,
                    compression_block_size=65536)
