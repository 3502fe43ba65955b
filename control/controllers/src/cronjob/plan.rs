//! Decides which run of a CronJob is due, which Jobs to delete, and what the status says.

use crate::{clock::Time, events::Type};

use super::{
    object::{Active, Concurrency, CronJob, Job, Status},
    schedule::Schedule,
};

/// When so many runs were missed, people are told.
const MISSED_MAX: usize = 100;
/// How many ended Jobs stay, if the CronJob does not say.
const SUCCESSFUL_MAX: usize = 3;
const FAILED_MAX: usize = 1;
/// The names of the only time zone that is known: the zones' tables are not in this program.
const UTC: [&str; 8] = ["UTC", "Etc/UTC", "GMT", "Etc/GMT", "Etc/Universal", "Etc/Zulu", "Universal", "Zulu"];

/// What to do, and what to say.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) status: Status,
    /// Jobs to delete, by name and uid.
    pub(super) delete: Vec<(String, String)>,
    /// The run to start after that, if it is not there yet.
    pub(super) create: Option<Run>,
    pub(super) events: Vec<(Type, &'static str, String)>,
    pub(super) look_again: Option<Time>,
}

/// One run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) name: String,
    pub(super) at: Time,
}

/// Decides from the CronJob and the Jobs that it controls.
pub(super) fn plan(cron: &CronJob, jobs: &[Job], now: Time) -> Plan {
    let mut plan = Plan { status: cron.status.clone(), ..Plan::default() };
    follow(jobs, &mut plan);
    clean_up(cron, jobs, &mut plan);
    if !cron.metadata.is_deleting() && !cron.spec.suspend {
        schedule(cron, jobs, &mut plan, now);
    }
    plan
}

/// Brings the list of active Jobs up to date.
fn follow(jobs: &[Job], plan: &mut Plan) {
    let Plan { status, events, .. } = plan;
    for job in jobs {
        let name = &job.metadata.name;
        let place = status.active.iter().position(|active| *active.uid == *job.metadata.uid);
        match (place, job.end()) {
            (Some(place), Some(end)) => {
                status.active.remove(place);
                let message = format!("Saw completed job: {name}, condition: {end}");
                events.push((Type::Normal, "SawCompletedJob", message));
            }
            (None, None) => {
                let message = format!("Saw a job that the controller did not create or forgot: {name}");
                events.push((Type::Warning, "UnexpectedJob", message));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        if job.end() == Some("Complete") {
            status.last_successful_time = status.last_successful_time.max(job.status.completion_time);
        }
    }
    status.active.retain(|active| {
        let is_there = jobs.iter().any(|job| *job.metadata.uid == *active.uid);
        if !is_there {
            events.push((Type::Normal, "MissingJob", format!("Active job went missing: {}", active.name)));
        }
        is_there
    });
}

/// Deletes the oldest of the ended Jobs, beyond as many as are to stay.
fn clean_up(cron: &CronJob, jobs: &[Job], plan: &mut Plan) {
    for (end, limit) in [
        ("Complete", cron.spec.successful_jobs_history_limit.unwrap_or(SUCCESSFUL_MAX)),
        ("Failed", cron.spec.failed_jobs_history_limit.unwrap_or(FAILED_MAX)),
    ] {
        let mut ended: Vec<_> = jobs.iter().filter(|job| job.end() == Some(end)).collect();
        ended.sort_by_key(|job| (job.status.start_time, job.metadata.name.clone()));
        let excess = ended.len().saturating_sub(limit);
        plan.delete.extend(ended[..excess].iter().map(|job| names(job)));
    }
}

fn names(job: &Job) -> (String, String) {
    (job.metadata.name.to_string(), job.metadata.uid.to_string())
}

/// Starts the run that is due, if one is.
fn schedule(cron: &CronJob, jobs: &[Job], plan: &mut Plan, now: Time) {
    let spec = &cron.spec;
    if let Some(zone) = spec.time_zone.as_deref().filter(|zone| !UTC.contains(zone)) {
        let message = format!("timeZone {zone:?} is not supported yet, only \"Etc/UTC\": no job is made");
        return plan.events.push((Type::Warning, "UnknownTimeZone", message));
    }
    let Some(schedule) = Schedule::read(&spec.schedule) else {
        let message = format!("unparseable schedule: {:?}", spec.schedule);
        return plan.events.push((Type::Warning, "UnparseableSchedule", message));
    };
    let since = plan.status.last_schedule_time.or(cron.metadata.creation_timestamp).unwrap_or(now);
    plan.look_again = match schedule {
        // Fixed pauses count from the last run, not from now.
        Schedule::Every(_) => schedule.next(schedule.last(since, now).unwrap_or(since)),
        Schedule::Fields(_) => schedule.next(now),
    };
    let deadline = spec.starting_deadline_seconds;
    let oldest = deadline.map_or(since, |seconds| since.max(now.plus(-seconds)));
    let missed = std::iter::successors(schedule.next(oldest), |at| schedule.next(*at)).take_while(|at| *at <= now);
    if missed.take(MISSED_MAX + 1).count() > MISSED_MAX {
        let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
        plan.events.push((Type::Warning, "TooManyMissedTimes", message.to_owned()));
    }
    let Some(at) = schedule.last(since, now) else { return };
    if deadline.is_some_and(|seconds| at.plus(seconds) < now) {
        let message = format!("Missed scheduled time to start a job: {at}");
        return plan.events.push((Type::Warning, "MissSchedule", message));
    }
    let name = format!("{}-{}", cron.metadata.name, at.0.div_euclid(60));
    if let Some(made) = jobs.iter().find(|job| *job.metadata.name == *name) {
        // It was made, but we ended before that was written down.
        if made.end().is_none() && plan.status.active.iter().all(|active| *active.uid != *made.metadata.uid) {
            plan.status.active.push(Active::to(&made.metadata));
        }
        plan.status.last_schedule_time = Some(at);
        return;
    }
    match spec.concurrency_policy {
        Concurrency::Forbid if !plan.status.active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            return plan.events.push((Type::Normal, "JobAlreadyActive", message.to_owned()));
        }
        Concurrency::Replace => {
            let running = std::mem::take(&mut plan.status.active);
            plan.delete.extend(running.into_iter().map(|active| (active.name, active.uid)));
        }
        Concurrency::Allow | Concurrency::Forbid => {}
    }
    plan.create = Some(Run { name, at });
}
