//! A tenant goes on importing when its onboarding is over: the same handlers, under the tenant's own address.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::App;

const ONBOARDING: &str = "/sys/onboarding/{tenant_id}/";
const TENANT: &str = "/sys/tenants/{tenant_id}/";

/// These routes of an onboarding, and each of them again as a route of its tenant.
pub fn twice(routes: impl IntoIterator<Item = UtoipaMethodRouter<App>>) -> OpenApiRouter<App> {
    routes.into_iter().fold(OpenApiRouter::new(), |router, route| {
        let again = of_tenant(&route);
        router.routes(route).routes(again)
    })
}

fn of_tenant((schemas, paths, handlers): &UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let mut paths = paths.clone();
    paths.paths = std::mem::take(&mut paths.paths)
        .into_iter()
        .map(|(path, mut item)| {
            operations(&mut item).for_each(distinguish);
            (path.replacen(ONBOARDING, TENANT, 1), item)
        })
        .collect();
    (schemas.clone(), paths, handlers.clone())
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put].into_iter().flatten()
}

/// Clients that are generated name a function by its operation; the two must not be one to them.
fn distinguish(operation: &mut Operation) {
    operation.operation_id = operation.operation_id.take().map(|id| format!("ongoing_{id}"));
    let same = "The same as for an onboarding; the tenant need not have one under way.";
    operation.description = Some(match operation.description.take() {
        Some(description) => format!("{description}\n\n{same}"),
        None => same.to_owned(),
    });
}
