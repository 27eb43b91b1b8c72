//! Carries the model of this repository in the binary.

/// The files that the first entry of `models/manifest.toml` names.
pub(super) const FILES: &[(&str, &[u8])] = &[
    ("tide-2.onnx", include_bytes!("../../models/tide-2.onnx")),
    ("tide-2.pieces", include_bytes!("../../models/tide-2.pieces")),
];
