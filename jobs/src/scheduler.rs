//! Follows the calendar: lets schedules fire, and gives the tenants of a fire their jobs in bounded batches.
//!
//! A fire is a row and keeps a cursor, so that whoever is killed between two batches is carried on by any process, and
//! no tenant is lost or served twice.

use std::time::{Duration, Instant};

use chrono::Utc;
use tokio_util::sync::CancellationToken;
use workbench_engine::log::Actor;
use workbench_engine::store::{Schedule, StoreError};

use crate::{Context, Part, Status};

/// How often clocks are looked at, and how long is given out in between.
const ROUND: Duration = Duration::from_secs(2);
/// Tenants that get their job in one transaction.
const BATCH: i64 = 100;
/// Fires carried on in one round.
const FIRES: i64 = 20;

/// Runs until `stop`. Several may run at once: a clock and a fire are each held by one of them.
pub async fn follow_schedules(context: &Context, status: &Status, stop: &CancellationToken) {
    let mut pause = ROUND;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let fired = fire(context).await;
        // What has fired already is given out all the same.
        let given_out = fan_out(context, stop).await;
        pause = if matches!(given_out, Ok(true)) { Duration::ZERO } else { ROUND };
        match fired.and(given_out) {
            Ok(_) => status.works(Part::Scheduler),
            Err(error) => status.fails(Part::Scheduler, &error),
        }
    }
}

async fn fire(context: &Context) -> Result<(), StoreError> {
    let zones = context.store.tenant_zones().await?;
    for schedule in context.store.schedules().await? {
        match follow(context, &schedule, &zones).await {
            Ok(()) => {}
            Err(error) if error.is_unavailable() => return Err(error),
            // One schedule that cannot be followed must not keep the others.
            Err(error) => tracing::error!(schedule = schedule.id, %error, "a schedule could not be followed"),
        }
    }
    Ok(())
}

async fn follow(context: &Context, schedule: &Schedule, zones: &[String]) -> Result<(), StoreError> {
    for zone in context.store.clocks_due(schedule, zones, Utc::now()).await? {
        let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
        let fired = tx.follow_clock(schedule, &zone).await?;
        tx.commit().await?;
        if fired > 0 {
            tracing::info!(schedule = schedule.id, zone, fired, "a schedule fired");
        }
    }
    Ok(())
}

/// Gives out for one round, so that clocks are not left alone for longer; answers whether there is more.
async fn fan_out(context: &Context, stop: &CancellationToken) -> Result<bool, StoreError> {
    let until = Instant::now() + ROUND;
    for fire in context.store.fires_at_work(FIRES).await? {
        loop {
            if stop.is_cancelled() {
                return Ok(false);
            }
            if Instant::now() > until {
                return Ok(true);
            }
            let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
            match tx.fan_out(&fire, BATCH).await {
                Ok(more) => {
                    tx.commit().await?;
                    if !more {
                        break;
                    }
                }
                Err(error) if error.is_unavailable() => return Err(error),
                Err(error) => {
                    // One fire that cannot be carried on must not keep the others.
                    tracing::error!(fire, %error, "a fire could not be carried on");
                    break;
                }
            }
        }
    }
    Ok(false)
}
