//! Carries the model of this repository in the binary.

/// The files that the first entry of `models/manifest.toml` names.
pub(super) const FILES: &[(&str, &[u8])] = &[
    ("tide-0.onnx", include_bytes!("../../models/tide-0.onnx")),
    ("tide-0.pieces", include_bytes!("../../models/tide-0.pieces")),
];
