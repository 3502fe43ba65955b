//! The agent: does a kubelet's job for the pods of one node.

pub mod pod;
