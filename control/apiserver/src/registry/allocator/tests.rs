//! What allocators hand out, keep and take back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn a_dropped_claim_leaves_no_trace_and_a_kept_one_stays() {
    let allocators = Allocators::new(&["10.0.0.0/24"]);
    let wanted: IpAddr = "10.0.0.7".parse().unwrap();
    drop({
        let mut claim = Claim::new(&allocators);
        claim.address(wanted).unwrap();
        claim
    });
    let mut claim = Claim::new(&allocators);
    claim.address(wanted).unwrap();
    claim.port(30001).unwrap();
    Box::new(claim).commit();
    let mut next = Claim::new(&allocators);
    assert_eq!(next.address(wanted), Err(Refusal::Taken));
    assert_eq!(next.port(30001), Err(Refusal::Taken));
    assert_eq!(next.port(80), Err(Refusal::Outside));
}

#[test]
fn neither_the_network_nor_the_broadcast_address_is_offered() {
    let allocators = Allocators::new(&["10.0.0.0/24"]);
    let mut claim = Claim::new(&allocators);
    for text in ["10.0.0.0", "10.0.0.255", "10.0.1.1", "fd00::1"] {
        assert_eq!(claim.address(text.parse().unwrap()), Err(Refusal::Outside), "{text}");
    }
    assert_eq!(allocators.first_address(), Some("10.0.0.1".parse().unwrap()));
    assert_eq!(claim.any_address("IPv4"), Ok("10.0.0.17".parse().unwrap()));
}
