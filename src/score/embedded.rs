//! Carries the models of this repository in the binary.

/// The files that the entries of `models/manifest.toml` name.
pub(super) const FILES: &[(&str, &[u8])] = &[
    ("tide-4.onnx", include_bytes!("../../models/tide-4.onnx")),
    ("tide-4.pieces", include_bytes!("../../models/tide-4.pieces")),
    ("deep-2.onnx", include_bytes!("../../models/deep-2.onnx")),
    ("deep-2.pieces", include_bytes!("../../models/deep-2.pieces")),
];
