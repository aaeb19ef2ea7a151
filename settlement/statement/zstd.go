package statement

import (
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// Arrow's own Zstandard codec makes a new encoder, with tables of more than a megabyte, for every
// page it writes. This one keeps its encoder; what it writes any reader reads.
func init() {
	standard, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		panic("statement: Arrow was built without Zstandard: " + err.Error())
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		panic("statement: making a Zstandard encoder: " + err.Error())
	}
	compress.RegisterCodec(compress.Codecs.Zstd, pooledZstd{standard, encoder})
}

type pooledZstd struct {
	compress.Codec
	encoder *zstd.Encoder
}

// Encode compresses a page at the fastest level.
func (z pooledZstd) Encode(target, source []byte) []byte {
	return z.encoder.EncodeAll(source, target[:0])
}

// EncodeLevel is Encode at the default level, and what Arrow does at any other.
func (z pooledZstd) EncodeLevel(target, source []byte, level int) []byte {
	if level == compress.DefaultCompressionLevel {
		return z.Encode(target, source)
	}
	return z.Codec.EncodeLevel(target, source, level)
}
