//! The node: an agent that does a kubelet's job, and the CRI service that it drives. It knows the control plane only
//! as a Kubernetes API.

pub mod agent;
pub mod cri;
