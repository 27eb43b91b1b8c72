//! Carries the models of this repository in the binary.

/// The files that the entries of `models/manifest.toml` name.
pub(super) const FILES: &[(&str, &[u8])] = &[
    ("tide-3.onnx", include_bytes!("../../models/tide-3.onnx")),
    ("tide-3.pieces", include_bytes!("../../models/tide-3.pieces")),
    ("deep-1.onnx", include_bytes!("../../models/deep-1.onnx")),
    ("deep-1.pieces", include_bytes!("../../models/deep-1.pieces")),
];
