//! Collects the API's routes, so that what is served can be told apart from what is described.

use axum::{
    Router,
    http::StatusCode,
    middleware,
    routing::{MethodRouter, any},
};

use super::{Api, cors::cors, keys, problem::Problem};
use crate::doors::Failure;

/// Method and path of one thing that is served, as the description has them.
pub type Served = (&'static str, &'static str);

/// The routes so far, and the list of them.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<Api>,
    acts: Router<Api>,
    shapes: Router<Api>,
    served: Vec<Served>,
}

impl Routes {
    /// A route that changes something: with a key, once.
    pub fn act(
        mut self,
        method: &'static str,
        path: &'static str,
        route: MethodRouter<Api>,
    ) -> Routes {
        self.served.push((method, path));
        self.acts = self.acts.route(path, route);
        self
    }

    /// A route that only reads. To other methods it may have an answer of its own.
    pub fn own(
        mut self,
        method: &'static str,
        path: &'static str,
        route: MethodRouter<Api>,
    ) -> Routes {
        self.served.push((method, path));
        self.router = self.router.route(path, route);
        self
    }

    /// A route in the shape of another service, which pages of some origins may ask.
    pub fn shaped(
        mut self,
        method: &'static str,
        path: &'static str,
        route: MethodRouter<Api>,
    ) -> Routes {
        self.served.push((method, path));
        self.spelt(path, route)
    }

    /// Another spelling of such a path, which needs no description.
    pub fn spelt(mut self, path: &'static str, route: MethodRouter<Api>) -> Routes {
        self.shapes = self.shapes.route(path, route);
        self
    }

    pub fn served(&self) -> Vec<Served> {
        self.served.clone()
    }

    /// All of them; what is not there is said in the API's own shape, below `/v1` at least.
    pub fn router(self, api: &Api) -> Router<Api> {
        let nothing = || async {
            Problem(Failure::new(StatusCode::NOT_FOUND, "not_found", "nothing is here"))
        };
        let wrong_method = || async {
            let message = "this path is not answered to that method; see `Allow`";
            Problem(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method", message))
        };
        let once = middleware::from_fn_with_state(api.clone(), keys::once);
        let cors = middleware::from_fn_with_state(api.clone(), cors);
        self.router
            .merge(self.acts.route_layer(once))
            // Also where the method is another: a browser asks with one of its own first.
            .merge(self.shapes.layer(cors))
            .method_not_allowed_fallback(wrong_method)
            .route("/v1/{*rest}", any(nothing))
    }
}
