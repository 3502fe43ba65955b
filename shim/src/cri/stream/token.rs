//! One-time tokens: what a URL of the streaming server stands for, for a minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a token waits for its client. Upstream: k8s.io/cri-streaming, request cache.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(60);
/// Tokens that wait at once; upstream's bound.
const TOKENS_MAX: usize = 1_000;

/// Requests that wait for their client, by token.
#[derive(Debug)]
pub(super) struct Tokens<T> {
    waiting: HashMap<String, (Instant, T)>,
}

impl<T> Default for Tokens<T> {
    fn default() -> Self {
        Self { waiting: HashMap::new() }
    }
}

impl<T> Tokens<T> {
    /// Keeps a request under a token that nobody can guess; whether there was room.
    pub(super) fn keep(&mut self, token: String, request: T, now: Instant) -> bool {
        self.waiting.retain(|_, (since, _)| now.duration_since(*since) < TOKEN_AGE_MAX);
        if self.waiting.len() >= TOKENS_MAX {
            return false;
        }
        self.waiting.insert(token, (now, request));
        true
    }

    /// Takes the request of a token, once.
    pub(super) fn take(&mut self, token: &str, now: Instant) -> Option<T> {
        let (since, request) = self.waiting.remove(token)?;
        (now.duration_since(since) < TOKEN_AGE_MAX).then_some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_once_and_for_a_minute() {
        let now = Instant::now();
        let mut tokens = Tokens::default();
        assert!(tokens.keep("a".to_owned(), 1, now));
        assert!(tokens.keep("b".to_owned(), 2, now));
        assert_eq!(tokens.take("a", now), Some(1));
        assert_eq!(tokens.take("a", now), None);
        assert_eq!(tokens.take("b", now + TOKEN_AGE_MAX), None);
    }

    #[test]
    fn tokens_that_nobody_used_make_room_when_they_are_old() {
        let now = Instant::now();
        let mut tokens = Tokens::default();
        for n in 0..TOKENS_MAX {
            assert!(tokens.keep(n.to_string(), n, now));
        }
        assert!(!tokens.keep("more".to_owned(), 0, now));
        assert!(tokens.keep("more".to_owned(), 0, now + TOKEN_AGE_MAX));
    }
}
