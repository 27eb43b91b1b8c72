//! Acts on platforms that Tidegate cannot stand in front of.
