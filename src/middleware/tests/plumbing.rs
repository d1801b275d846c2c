//! The layers as tower services: readiness, clones, cancellation, bodies, errors.

use http_body::Body as _;

use super::*;

/// Panics unless the very value that was polled ready is called.
struct Strict {
    ready: bool,
    served: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false, served: self.served.clone() }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(self.ready, "called without being ready");
        self.ready = false;
        self.served.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Err("the inner service's own error"))
    }
}

fn strict(house: &House) -> impl Service<Request<()>, Error = &'static str> + Clone + use<> {
    let inner = Strict { ready: false, served: house.served.clone() };
    house.layer().layer(RequireLayer::new(Requirement::aal2()).layer(inner))
}

#[test]
fn the_service_that_was_polled_ready_is_the_one_called_and_its_error_passes_untouched() {
    let house = House::new();
    let token = house.token(&two_factors());
    let mut service = strict(&house);
    for served in 1..=3 {
        let outcome = ready(async { service.ready().await?.call(bearing(&token)).await });
        assert_eq!(outcome.err(), Some("the inner service's own error"));
        assert_eq!(house.served(), served);
    }
}

#[test]
fn cve_2025_12760_a_call_that_is_refused_reaches_nobody_polled_or_dropped() {
    let house = House::new();
    let mut service = strict(&house);
    for polled in [true, false] {
        let call = ready(service.ready()).unwrap_or_else(|_| unreachable!()).call(nobody());
        if polled {
            assert!(ready(call).is_ok(), "answered, and not by the inner service");
        }
        assert_eq!(house.served(), 0);
    }
}

#[test]
fn an_inner_service_that_is_not_ready_is_waited_for() {
    let house = House::new();
    let busy = tower::util::MapResponse::new(NeverReady, |answer: Response<Full<Bytes>>| answer);
    let mut service = house.layer().layer(RequireLayer::new(Requirement::aal1()).layer(busy));
    assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[derive(Clone)]
struct NeverReady;

impl Service<Request<()>> for NeverReady {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Pending<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::pending()
    }
}

#[test]
fn an_authentication_of_an_outer_layer_does_not_outlive_the_inner_one() {
    let (ours, theirs) = (House::new(), House::new());
    let token = theirs.token(&two_factors());
    // The outer layer believes the token, the inner one does not know its key.
    let inner = ours.layer().layer(RequireLayer::new(Requirement::aal1()).layer(ours.inner()));
    assert_eq!(answer(theirs.layer().layer(inner), bearing(&token)).code(), "invalid_token");
    // And the other way round: the mark of a refusal is gone once a token is believed.
    let inner = theirs.layer().layer(RequireLayer::new(Requirement::aal1()).layer(theirs.inner()));
    assert_eq!(answer(ours.layer().layer(inner), bearing(&token)).status, StatusCode::OK);
}

#[test]
fn an_authentication_that_came_through_no_layer_does_not_count() {
    let house = House::new();
    let mut request = nobody();
    let own = house.verifier.verify(&house.token(&two_factors()), LOGIN.plus(1)).unwrap();
    request.extensions_mut().insert(own);
    let alone = RequireLayer::new(Requirement::aal1()).layer(house.inner());
    assert_eq!(answer(alone, request.clone()).kind(), RefusalKind::NotLayered);
    assert_eq!(house.ask(Requirement::aal1(), request).kind(), RefusalKind::Unauthenticated);
}

#[test]
fn the_inner_answer_passes_untouched() {
    let house = House::new();
    let inner = service_fn(|_: Request<()>| {
        let answer = Response::builder().status(StatusCode::IM_A_TEAPOT).header("x-own", "1").body(Full::from("tea"));
        std::future::ready(Ok::<_, Infallible>(answer.unwrap()))
    });
    let service = house.layer().layer(RequireLayer::new(Requirement::aal2()).layer(inner));
    let answer = answer(service, bearing(&house.token(&two_factors())));
    assert_eq!((answer.status, answer.header("x-own"), &*answer.body), (StatusCode::IM_A_TEAPOT, "1", &b"tea"[..]));
    assert_eq!(answer.headers.len(), 1);
}

#[test]
fn a_body_tells_its_size_and_its_end() {
    let inner = Body::new(Full::<Bytes>::from("four"));
    assert_eq!((inner.size_hint().exact(), inner.is_end_stream()), (Some(4), false));
    let mut refusal = Body::<Full<Bytes>>::refusal(Bytes::from_static(b"no"));
    assert_eq!((refusal.size_hint().exact(), refusal.is_end_stream()), (Some(2), false));
    let frame = ready(refusal.frame()).unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "no");
    assert_eq!((refusal.size_hint().exact(), refusal.is_end_stream()), (Some(0), true));
    assert!(ready(refusal.frame()).is_none());
}

#[test]
fn the_layers_print_no_token() {
    let house = House::new();
    let token = house.token(&two_factors());
    let signature = token.rsplit_once('.').unwrap().1;
    let answer = house.ask(Requirement::aal3(), bearing(&token));
    let layers = (house.layer(), RequireLayer::new(Requirement::aal3()), house.layer().layer(house.served.clone()));
    for text in [format!("{answer:?}"), format!("{layers:?}")] {
        assert!(!text.contains(signature), "{text}");
    }
}
