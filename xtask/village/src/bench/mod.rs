//! What this machine measures: gas, ingest, latency, memory, sensing.

pub mod load;
pub mod measure;
pub mod sense;
