//! A bucket of an S3-compatible object store, as it is configured.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use url::Url;

/// How long a connection, and any pause of an answer, may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a request that fails is repeated, so that a restart of the store is not noticed.
const RETRIED_FOR: Duration = Duration::from_secs(20);
/// How often it is repeated in that time.
const RETRIES: usize = 5;

/// Why a bucket cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The address names no bucket.
    #[error("`{0}` is no address of a bucket; use one such as s3://bucket/folder")]
    Address(String),
    /// The keys and the files would travel in the open.
    #[error("the endpoint `{0}` is reached by http; use https, or allow http with `--uploads-allow-http`")]
    Http(String),
    /// Keys have no place in an address, where they would be shown.
    #[error("the endpoint has a user or a query; use an address alone, and the `AWS_…` variables for keys")]
    Endpoint,
    /// Keys or region are missing or contradict each other.
    #[error("the bucket cannot be used: {0}")]
    Settings(object_store::Error),
}

/// Where uploads live, where they do not live in a folder. Keys are none of it: they are taken from the `AWS_…` variables
/// of the environment, or from what the machine is given by its cloud, and are never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    name: String,
    prefix: String,
    /// Address of the store, where it is not Amazon's.
    pub endpoint: Option<Url>,
    /// Region; `us-east-1` where neither this nor `AWS_REGION` says.
    pub region: Option<String>,
    /// Whether the endpoint may be reached by http.
    pub allow_http: bool,
}

impl Bucket {
    /// Reads `s3://bucket/folder`; the folder may be absent.
    pub fn parse(address: &str) -> Result<Self, BucketError> {
        let url = Url::parse(address).ok().filter(|url| {
            let plain = url.query().is_none() && url.fragment().is_none() && url.port().is_none();
            url.scheme() == "s3" && plain && url.username().is_empty() && url.password().is_none()
        });
        let name = url.as_ref().and_then(Url::host_str).filter(|name| !name.is_empty());
        match (&url, name) {
            (Some(url), Some(name)) => Ok(Self {
                name: name.to_owned(),
                prefix: url.path().trim_matches('/').to_owned(),
                endpoint: None,
                region: None,
                allow_http: false,
            }),
            _ => Err(BucketError::Address(without_secrets(address))),
        }
    }

    /// The store behind the bucket. Nothing is asked of it yet.
    pub(crate) fn store(&self) -> Result<Arc<dyn ObjectStore>, BucketError> {
        if let Some(endpoint) = &self.endpoint {
            if !endpoint.username().is_empty() || endpoint.password().is_some() || endpoint.query().is_some() {
                return Err(BucketError::Endpoint);
            }
            if endpoint.scheme() != "https" && !self.allow_http {
                return Err(BucketError::Http(endpoint.to_string()));
            }
        }
        // A file is read as fast as its rows are stored, which for a large one takes its time.
        let client = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(PATIENCE)
            .with_read_timeout(PATIENCE)
            .with_allow_http(self.allow_http);
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRIED_FOR, ..RetryConfig::default() };
        let mut builder =
            AmazonS3Builder::from_env().with_bucket_name(&self.name).with_client_options(client).with_retry(retry);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        let store: AmazonS3 = builder.build().map_err(BucketError::Settings)?;
        let prefix = Key::from(self.prefix.as_str());
        Ok(if self.prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) })
    }
}

impl std::fmt::Display for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)
    }
}

/// An address for an error message: whoever put keys into it must not find them in a log.
fn without_secrets(address: &str) -> String {
    let address = address.split('?').next().unwrap_or(address);
    match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://***{}", &address[..scheme], &address[at..]),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_bucket_and_nothing_else() {
        for (address, shown) in [("s3://files", "s3://files/"), ("s3://files/a/b/", "s3://files/a/b")] {
            assert_eq!(Bucket::parse(address).map(|bucket| bucket.to_string()).ok().as_deref(), Some(shown));
        }
        for address in ["files", "s3://", "s3:///a", "http://files/a", "s3://key:secret@files/a", "s3://files/a?b=c"] {
            assert!(matches!(Bucket::parse(address), Err(BucketError::Address(_))), "{address}");
        }
    }

    #[test]
    fn errors_show_no_keys() {
        let refused = Bucket::parse("s3://key:secret@files/a?secret").expect_err("keys");
        assert_eq!(refused.to_string(), BucketError::Address("s3://***@files/a".to_owned()).to_string());
        let endpoint = Url::parse("http://key:secret@127.0.0.1:9000").ok();
        let bucket = Bucket { endpoint, ..Bucket::parse("s3://files/a").expect("an address") };
        assert!(matches!(bucket.store(), Err(BucketError::Endpoint)));
    }

    #[test]
    fn http_is_used_where_it_is_allowed_only() {
        let endpoint = Url::parse("http://127.0.0.1:9000").ok();
        let mut bucket = Bucket { endpoint, ..Bucket::parse("s3://files/a").expect("an address") };
        assert!(matches!(bucket.store(), Err(BucketError::Http(_))));
        bucket.allow_http = true;
        assert!(bucket.store().is_ok());
    }
}
