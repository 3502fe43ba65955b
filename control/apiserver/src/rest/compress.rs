//! Large answers to reads are sent in gzip to clients that take it (upstream's APIResponseCompression).

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params};
use tracing::warn;

/// What is smaller is not worth the time (upstream's `defaultGzipThresholdBytes`).
const ANSWER_BYTES_MIN: u64 = 128 << 10;
/// Fast rather than small, as upstream's.
const LEVEL: i32 = 1;
/// No zlib around the deflated bytes.
const RAW: i32 = 0;
/// Deflate, no name, no time, fastest, made on an unknown system (RFC 1952).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// The answer, in gzip if it is large and the client takes that.
pub(super) async fn if_large(headers: &HeaderMap, response: Response) -> Response {
    let is_large = response.body().size_hint().exact().is_some_and(|bytes| bytes > ANSWER_BYTES_MIN);
    if !is_large || !takes_gzip(headers) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let plain = axum::body::to_bytes(body, usize::MAX).await.expect("a body of known size is in memory");
    let packed = tokio::task::spawn_blocking({
        let plain = plain.clone();
        move || gzip(&plain)
    });
    let Ok(packed) = packed.await else {
        warn!(bytes = plain.len(), "could not compress an answer");
        return Response::from_parts(parts, Body::from(plain));
    };
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    Response::from_parts(parts, Body::from(packed))
}

/// Upstream knows no weights either.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let said = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(',').any(|coding| coding.trim() == "gzip")
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = HEADER.to_vec();
    let mut compressor = Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, RAW, 0)));
    compress_to_output(&mut compressor, plain, TDEFLFlush::Finish, |some| {
        packed.extend_from_slice(some);
        true
    });
    packed.extend_from_slice(&crc32fast::hash(plain).to_le_bytes());
    // Modulo 2^32, as the format has it.
    packed.extend_from_slice(&(plain.len() as u32).to_le_bytes());
    packed
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn gzip_is_what_rfc_1952_says() {
        let plain = b"123456789".repeat(10_000);
        let packed = gzip(&plain);
        assert!(packed.len() < plain.len() / 10);
        let (deflated, trailer) = packed[HEADER.len()..].split_at(packed.len() - HEADER.len() - 8);
        assert_eq!(miniz_oxide::inflate::decompress_to_vec(deflated).unwrap(), plain);
        assert_eq!(trailer[4..], 90_000_u32.to_le_bytes());
        // The check value of this CRC.
        assert_eq!(
            gzip(b"123456789").iter().rev().skip(4).take(4).copied().collect::<Vec<u8>>(),
            [0xcb, 0xf4, 0x39, 0x26]
        );
    }

    #[test]
    fn gzip_is_taken_when_it_is_named() {
        for (said, takes) in [("gzip", true), ("br, gzip", true), ("identity", false), ("gzip;q=0", false), ("", false)]
        {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(said))]);
            assert_eq!(takes_gzip(&headers), takes, "{said}");
        }
    }

    #[tokio::test]
    async fn small_answers_stay_as_they_are() {
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
        for (bytes, coding) in [(128 << 10, None), ((128 << 10) + 1, Some("gzip"))] {
            let response = if_large(&headers, Response::new(Body::from(vec![b'a'; bytes]))).await;
            let said = response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!(said, coding, "{bytes}");
        }
    }
}
