//! Placeholder, replaced by the slices that follow.
