//! Commands that work on the store or on nothing at all.

use std::process::ExitCode;

use chrono::TimeDelta;
use clap::{Args, Subcommand, ValueEnum};
use miette::{IntoDiagnostic, Result, miette};
use workbench_engine::{checklist, definition};

use super::PlaceArgs;
use crate::daemon::{self, TokenName};
use crate::http::{self, Role};

/// `workbench token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token; its secret is printed once
    Create {
        #[command(flatten)]
        places: PlaceArgs,
        /// Whom the token stands for in the audit
        #[arg(long)]
        name: String,
        /// What the token may do
        #[arg(long, value_enum)]
        role: Role,
        /// Days until it expires; never where absent
        #[arg(long, value_name = "DAYS")]
        expires_in: Option<u16>,
    },
    /// List tokens, without their secrets
    List(PlaceArgs),
    /// End a token
    Revoke {
        #[command(flatten)]
        places: PlaceArgs,
        /// Id from `token list`
        id: String,
    },
}

/// Makes, lists and revokes tokens.
pub async fn token(args: &TokenArgs) -> Result<()> {
    match &args.command {
        TokenCommand::Create { places, name, role, expires_in } => {
            let store = places.places().existing_store().await?;
            let lifetime = expires_in.map(|days| TimeDelta::days(i64::from(days)));
            println!("{}", daemon::create_token(&store, name, *role, lifetime, TokenName::Own).await?);
        }
        TokenCommand::List(places) => {
            let store = places.places().existing_store().await?;
            for token in store.tokens().await.into_diagnostic()? {
                let state = match (token.revoked_at, token.expires_at) {
                    (Some(at), _) => format!("revoked {at}"),
                    (None, Some(at)) => format!("until {at}"),
                    (None, None) => "valid".to_owned(),
                };
                println!("{}  {:<14} {:<20} {state}", token.id, token.role, token.name);
            }
        }
        TokenCommand::Revoke { places, id } => {
            let store = places.places().existing_store().await?;
            let actor = workbench_engine::log::Actor::workbench();
            let mut tx = store.begin(&actor, chrono::Utc::now()).await.into_diagnostic()?;
            tx.revoke_token(id).await.into_diagnostic()?;
            tx.commit().await.into_diagnostic()?;
        }
    }
    Ok(())
}

/// `workbench login-link`.
#[derive(Debug, Args)]
pub struct LoginLinkArgs {
    #[command(flatten)]
    places: PlaceArgs,
    /// Whom the session stands for in the audit
    #[arg(long)]
    name: String,
    /// What the session may do
    #[arg(long, value_enum)]
    role: Role,
    /// Address under which the console is reached
    #[arg(long, env = "WORKBENCH_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
}

/// Prints a link that logs somebody in once.
pub async fn login_link(args: &LoginLinkArgs) -> Result<()> {
    let store = args.places.places().existing_store().await?;
    let secret = daemon::login_link(&store, &args.name, args.role).await?;
    println!("{}/login/{secret}", args.url.trim_end_matches('/'));
    Ok(())
}

/// `workbench audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check every link of the hash chain, and that replaying the events gives the stored state
    Verify(PlaceArgs),
}

/// Exit 0 where the log holds, else 1.
pub async fn audit(args: &AuditArgs) -> Result<ExitCode> {
    let AuditCommand::Verify(places) = &args.command;
    let store = places.places().existing_store().await?;
    let verified = store.verify_events().await.map_err(|error| miette!("{error}"))?;
    if let Some((seq, why)) = verified.broken {
        println!("event {seq} does not hold: {why}");
        return Ok(ExitCode::FAILURE);
    }
    if let Some(difference) = store.verify_replay().await.map_err(|error| miette!("{error}"))? {
        println!("{difference}");
        return Ok(ExitCode::FAILURE);
    }
    println!("{} events hold, and replaying them gives the stored state", verified.entries);
    Ok(ExitCode::SUCCESS)
}

/// Brings the schema up to date.
pub async fn migrate(args: &PlaceArgs) -> Result<()> {
    args.places().open_store().await?;
    println!("the database is up to date");
    Ok(())
}

/// `workbench schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// What files to describe
    #[arg(value_enum, default_value_t = Described::Workflow)]
    of: Described,
    /// Print tables for people instead; of workflows only
    #[arg(long)]
    markdown: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Described {
    /// Workflows
    Workflow,
    /// Format profiles
    Profile,
    /// Probes
    Probe,
    /// Notification channels
    Notifications,
}

/// Prints a JSON Schema.
pub fn schema(args: &SchemaArgs) -> Result<ExitCode> {
    if args.markdown {
        if !matches!(args.of, Described::Workflow) {
            return Err(miette!(
                help = "docs/ has a page for each of the other languages.",
                "there are tables of the language of workflows only"
            ));
        }
        print!("{}", definition::reference());
        return Ok(ExitCode::SUCCESS);
    }
    let schema = match args.of {
        Described::Workflow => definition::json_schema(),
        Described::Profile => workbench_importer::profile_schema(),
        Described::Probe => workbench_probes::declared::probe_schema(),
        Described::Notifications => workbench_jobs::notification_schema(),
    };
    println!("{}", serde_json::to_string_pretty(&schema).into_diagnostic()?);
    Ok(ExitCode::SUCCESS)
}

/// Prints the OpenAPI document.
pub fn openapi() -> Result<ExitCode> {
    println!("{}", http::openapi().to_pretty_json().into_diagnostic()?);
    Ok(ExitCode::SUCCESS)
}

/// Prints the step rules.
pub fn rules() {
    print!("{}", checklist::table());
}
