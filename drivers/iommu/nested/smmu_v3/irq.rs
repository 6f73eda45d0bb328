// SPDX-License-Identifier: GPL-2.0

//! Interrupts: global errors, events, page requests.

use super::{
    arch::{
        cmd::{
            Cmd,
            PriResponse,
            ResumeAction, //
        },
        event::{
            Event,
            PageRequest, //
        },
    },
    streams::{
        Audience,
        Member,
        Owner, //
    },
    SmmuV3, //
};
use crate::{
    iommu::Instance,
    trace, //
};
use kernel::{
    device::Bound,
    irq::{
        Flags,
        IrqReturn,
        ThreadedHandler,
        ThreadedIrqReturn,
        ThreadedRegistration, //
    },
    platform,
    prelude::*,
    str::CStr,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    },
};

/// What an interrupt line stands for.
#[derive(Clone, Copy)]
struct Line {
    /// The name that firmware gives it.
    firmware: &'static CStr,
    /// The name in `/proc/interrupts`.
    name: &'static CStr,
    errors: bool,
    events: bool,
    requests: bool,
}

const COMBINED: Line = Line {
    firmware: c"combined",
    name: c"iommu-nested-combined",
    errors: true,
    events: true,
    requests: true,
};

const SEPARATE: [Line; 3] = [
    Line {
        firmware: c"eventq",
        name: c"iommu-nested-eventq",
        errors: false,
        events: true,
        requests: false,
    },
    Line {
        firmware: c"priq",
        name: c"iommu-nested-priq",
        errors: false,
        events: false,
        requests: true,
    },
    Line {
        firmware: c"gerror",
        name: c"iommu-nested-gerror",
        errors: true,
        events: false,
        requests: false,
    },
];

/// The handler of one line.
pub(crate) struct Handler {
    smmu: Arc<Instance<SmmuV3>>,
    line: Line,
}

impl ThreadedHandler for Handler {
    fn handle(&self) -> ThreadedIrqReturn {
        let smmu = &self.smmu;
        let error = self.line.errors && smmu.errors.handle(smmu.dev(), &smmu.regs, &smmu.cmdq);

        if self.line.events || self.line.requests {
            ThreadedIrqReturn::WakeThread
        } else if error {
            ThreadedIrqReturn::Handled
        } else {
            ThreadedIrqReturn::None
        }
    }

    fn handle_threaded(&self) -> IrqReturn {
        if self.line.events {
            drain_events(&self.smmu);
        }
        if self.line.requests && self.smmu.features.pri {
            drain_page_requests(&self.smmu);
        }
        IrqReturn::Handled
    }
}

/// The registrations of an SMMU's interrupt lines.
pub(crate) type Lines<'a> = KVec<Pin<KBox<ThreadedRegistration<'a, Handler>>>>;

/// Requests the interrupt lines that firmware describes: a combined one, or one for each purpose.
///
/// # Errors
///
/// - [`ENOMEM`], and those of `request_threaded_irq()`.
pub(crate) fn request<'a>(
    pdev: &'a platform::Device<Bound>,
    smmu: &Arc<Instance<SmmuV3>>,
) -> Result<Lines<'a>> {
    let mut lines = KVec::new();

    if pdev.optional_irq_by_name(COMBINED.firmware).is_ok() {
        lines.push(request_line(pdev, smmu, COMBINED)?, GFP_KERNEL)?;
        return Ok(lines);
    }

    for line in SEPARATE {
        if pdev.optional_irq_by_name(line.firmware).is_ok() {
            lines.push(request_line(pdev, smmu, line)?, GFP_KERNEL)?;
        } else if !line.requests || smmu.features.pri {
            dev_warn!(
                pdev,
                "firmware describes no interrupt {}: what it stands for will not be noticed\n",
                line.firmware.to_str().unwrap_or("?")
            );
        }
    }
    Ok(lines)
}

fn request_line<'a>(
    pdev: &'a platform::Device<Bound>,
    smmu: &Arc<Instance<SmmuV3>>,
    line: Line,
) -> Result<Pin<KBox<ThreadedRegistration<'a, Handler>>>> {
    let handler = Handler {
        smmu: smmu.clone(),
        line,
    };

    // SAFETY: The registration is owned by the driver's data of the device, which is dropped when
    // the device is unbound.
    let registration = unsafe {
        pdev.request_optional_threaded_irq_by_name(
            Flags::ONESHOT,
            line.firmware,
            line.name,
            Ok::<_, Error>(handler),
        )
    };
    KBox::pin_init(registration, GFP_KERNEL)
}

/// How long others get the CPU between two portions of a queue that does not run empty.
const PAUSE: Delta = Delta::from_micros(20);

/// Takes events off the queue until it is empty.
fn drain_events(smmu: &Instance<SmmuV3>) {
    // An error means that the SMMU is gone.
    while let Ok(drained) = smmu.evtq.drain(&smmu.regs, |raw| handle_event(smmu, raw)) {
        if drained.overflowed {
            smmu.event_limit.run(smmu.dev(), || {
                dev_err!(smmu.dev(), "event queue overflow: events were lost\n")
            });
        }
        if !drained.more {
            return;
        }
        fsleep(PAUSE);
    }
}

fn handle_event(smmu: &Instance<SmmuV3>, raw: [u64; 4]) {
    let event = Event::decode(raw);
    let owner = smmu.streams.owner(event.sid);

    // No stall is ever asked for, but an SMMU may be built to stall always.
    if event.stall {
        let resume = Cmd::resume(event.sid, event.stag, ResumeAction::Abort);

        if smmu.cmdq.submit(&[resume]).is_err() {
            dev_err!(smmu.dev(), "a stalled transaction stays stalled\n");
        }
    }

    let reported = owner
        .as_ref()
        .is_some_and(|owner| report(owner, &event, raw));

    if !reported {
        smmu.event_limit.run(smmu.dev(), || match owner {
            Some(Owner { ep, .. }) => dev_err!(ep.dev(), "{event}\n"),
            None => dev_err!(smmu.dev(), "{event} (nobody's StreamID)\n"),
        });
    }
}

/// Hands `event` of `owner` to its guest, if it belongs to one, `raw` with the device's ID in the
/// guest. Returns whether it took it.
fn report(owner: &Owner, event: &Event, raw: [u64; 4]) -> bool {
    let Some(Member { id, audience }) = &owner.member else {
        return false;
    };
    // CAST: Checked when the device got its ID.
    let vsid = *id as u32;
    let (raw, vmid, result) = match audience {
        Audience::Guest(tenant) if event.for_guest() => {
            let raw = Event::relabel(raw, vsid).map(u64::to_le);

            (raw, Some(tenant.vmid), tenant.report(*id, &raw))
        }
        Audience::Shadowed(events) if event.for_shadowed() => {
            let raw = Event::first_stage(Event::relabel(raw, vsid)).map(u64::to_le);

            (raw, None, events.report(*id, &raw))
        }
        _ => return false,
    };

    // CAST: The number of the event is the low byte of its record.
    trace::event(
        owner.ep.dev(),
        vmid,
        (u64::from_le(raw[0]) as u8).into(),
        event.address,
        &result,
    );
    result.is_ok()
}

/// Takes page requests off the queue until it is empty. Nobody asked for them: PRI is not enabled
/// on any device. Each group is answered, or the device would wait for ever.
fn drain_page_requests(smmu: &Instance<SmmuV3>) {
    while let Ok(drained) = smmu
        .priq
        .drain(&smmu.regs, |raw| handle_page_request(smmu, raw))
    {
        if !drained.more {
            return;
        }
        fsleep(PAUSE);
    }
}

fn handle_page_request(smmu: &Instance<SmmuV3>, raw: [u64; 2]) {
    let request = PageRequest::decode(raw);

    smmu.event_limit.run(smmu.dev(), || {
        dev_warn!(
            smmu.dev(),
            "unexpected page request: StreamID {:#x}, PASID {:?}, group {}, address {:#x}\n",
            request.sid,
            request.ssid,
            request.group,
            request.address
        )
    });

    if request.last && !request.is_stop_marker() {
        let refusal = Cmd::pri_resp(
            request.sid,
            request.ssid,
            request.group,
            PriResponse::Failure,
        );

        if smmu.cmdq.submit(&[refusal]).is_err() {
            dev_err!(smmu.dev(), "a page request stays unanswered\n");
        }
    }
}
