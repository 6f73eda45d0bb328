// SPDX-License-Identifier: GPL-2.0

//! Attaching a device's own traffic.

use super::{
    Attachment,
    Master,
    Request,
    State, //
};
use crate::{
    iommu::Endpoint,
    smmu_v3::{
        arch::{
            cd::Cd,
            guest::VSteKind,
            ste::{
                S1dss,
                Ste, //
            },
        },
        domain::Domain,
        streams::{
            Audience,
            Member, //
        },
        SmmuV3, //
    },
    trace,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// How a [`Request`] is met.
struct Plan {
    attachment: Attachment,
    ste: Ste,
    ats: bool,
    member: Option<Member>,
}

/// What a device's own traffic was attached to, with all that it takes to go back to that: what it
/// was translated by sends invalidations to the device as if it were in use.
pub(crate) struct Kept {
    ep: Arc<Endpoint<SmmuV3>>,
    /// Until it is put back.
    plan: Option<Plan>,
}

impl Kept {
    /// Attaches the traffic to that again. Takes nothing that may not be had. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the hardware does not answer; the device is blocked.
    pub(crate) fn put_back(mut self) -> Result {
        let this: &Master = &self.ep;
        let mut state = this.state.lock();

        match self.plan.take() {
            Some(plan) => this.change(&mut state, plan, true),
            None => Ok(()),
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let this: &Master = &self.ep;

        if let Some((plan, targets)) = self
            .plan
            .as_ref()
            .and_then(|plan| Some((plan, plan.attachment.targets()?)))
        {
            targets.leave(&this.usage(&plan.attachment, plan.ats));
        }
    }
}

impl Master {
    /// Attaches the device's own traffic. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the domain is of another SMMU, or coherency is enforced on it and the device
    ///   is not CANWBS.
    /// - [`EBUSY`]: PASIDs are attached and can't be with this.
    /// - [`ENOMEM`]: nothing has changed.
    /// - [`EIO`]: the hardware does not answer; the device is blocked.
    pub(crate) fn attach(&self, request: Request<'_>) -> Result {
        let mut state = self.state.lock();
        let shared = !state.pasids.is_empty();
        let plan = self.plan(request, shared)?;

        if shared && plan.attachment.s1dss().is_none() {
            return Err(EBUSY);
        }
        // From one configuration of a guest to another the second stage stays in use as it is.
        let moves = !self.shares_usage(&state, &plan);

        if let Some(targets) = plan.attachment.targets().filter(|_| moves) {
            if !core::ptr::eq(&**targets.smmu(), &*self.smmu) {
                return Err(EINVAL);
            }
            targets.join(&self.usage(&plan.attachment, plan.ats))?;
        }
        self.change(&mut state, plan, moves)
    }

    /// Keeps what the device's own traffic is attached to. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn keep(ep: &Arc<Endpoint<SmmuV3>>) -> Result<Kept> {
        let this: &Self = ep;
        let state = this.state.lock();
        let sid = this.sids[0];
        let plan = Plan {
            attachment: state.attachment.clone(),
            ste: this.smmu.strtab.read(sid)?,
            ats: state.attached_ats,
            member: this.smmu.streams.owner(sid).and_then(|owner| owner.member),
        };

        if let Some(targets) = plan.attachment.targets() {
            targets.join(&this.usage(&plan.attachment, plan.ats))?;
        }
        Ok(Kept {
            ep: ep.clone(),
            plan: Some(plan),
        })
    }

    /// Does what is planned. If it `moves`, what will be used was joined.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the hardware does not answer; the device is blocked.
    fn change(&self, state: &mut State, plan: Plan, moves: bool) -> Result {
        self.stop_ats(state, plan.ats);
        let result = self
            .write_own_cd(&plan.attachment)
            .and_then(|()| self.write_stes(&plan.ste));
        let guest = plan.attachment.guest().map(|guest| guest.vmid());

        trace::attach(&self.dev, guest, &result);
        match result {
            Ok(()) => {
                // Events from here on are the new guest's.
                self.smmu.streams.assign(&self.sids, plan.member);
                self.start_ats(state, plan.ats, None);
                self.settle(state, plan.attachment, plan.ats, moves);
                Ok(())
            }
            Err(e) => {
                // What the hardware has seen of this is unknown; the entry in memory blocks.
                self.stop_ats(state, false);
                let _ = self.write_stes(&Ste::abort());
                self.smmu.streams.assign(&self.sids, None);
                if let Some(targets) = plan.attachment.targets().filter(|_| moves) {
                    targets.leave(&self.usage(&plan.attachment, plan.ats));
                }
                self.settle(state, Attachment::Blocked, false, true);
                Err(e)
            }
        }
    }

    /// What is to be done for a request, beside PASIDs if `shared`.
    fn plan(&self, request: Request<'_>, shared: bool) -> Result<Plan> {
        let features = &self.smmu.features;
        let cdtab = self.cdtab.config();
        let plan = |attachment, ste, ats| Plan {
            attachment,
            ste,
            ats,
            member: None,
        };

        Ok(match request {
            // PASIDs may use ATS; then the entry must allow it for all of the device.
            Request::Blocked if shared => plan(
                Attachment::Blocked,
                Ste::stage1(features, cdtab, S1dss::Terminate, self.ats_capable),
                self.ats_capable,
            ),
            Request::Identity if shared => plan(
                Attachment::Identity,
                Ste::stage1(features, cdtab, S1dss::Bypass, self.ats_capable),
                self.ats_capable,
            ),
            Request::Blocked => plan(Attachment::Blocked, Ste::abort(), false),
            Request::Identity => plan(Attachment::Identity, Ste::bypass(features), false),
            Request::Paging(domain) => self.plan_paging(domain, None),
            Request::Shadow { domain, member } => self.plan_paging(domain, member),
            Request::Guest {
                guest,
                vste,
                device,
            } => {
                let (stage2, _) = guest.parent().stage2().ok_or(EINVAL)?;
                // Without a first stage the host keeps the ATC coherent; with one, the guest does,
                // and says whether it will. An aborting entry has no ATS.
                let wanted = match vste.kind() {
                    VSteKind::Bypass => true,
                    VSteKind::Translate => vste.wants_ats(),
                    VSteKind::Abort | VSteKind::Invalid => false,
                };
                let ats = wanted && self.ats_capable;
                let member = device.map(|id| Member {
                    id,
                    audience: Audience::Guest(guest.tenant().clone()),
                });
                let ste = Ste::nested(features, vste, &stage2, guest.vmid(), ats);
                let [word0, word1, ..] = *ste.words();

                trace::entry(&self.dev, Some(guest.vmid()), word0, word1);
                Plan {
                    attachment: Attachment::Guest(guest.clone()),
                    ste,
                    ats,
                    member,
                }
            }
        })
    }

    fn plan_paging(&self, domain: &Arc<Domain>, member: Option<Member>) -> Plan {
        let features = &self.smmu.features;
        let ats = self.ats_capable;
        let ste = match domain.stage2() {
            Some((stage2, vmid)) => Ste::stage2(features, &stage2, vmid, ats),
            None => Ste::stage1(features, self.cdtab.config(), S1dss::Ssid0, ats),
        };

        Plan {
            attachment: Attachment::Paging(domain.clone()),
            ste,
            ats,
            member,
        }
    }

    /// Whether what is planned uses the very translations that are in use, and in the same way.
    fn shares_usage(&self, state: &State, plan: &Plan) -> bool {
        match (state.attachment.targets(), plan.attachment.targets()) {
            (Some(old), Some(new)) => {
                core::ptr::eq(old, new)
                    && self.usage(&state.attachment, state.attached_ats)
                        == self.usage(&plan.attachment, plan.ats)
            }
            _ => false,
        }
    }

    /// Records a new attachment, after the hardware has been told, and ends the old one: also its
    /// use of translations, if `leaves`.
    fn settle(&self, state: &mut State, new: Attachment, ats: bool, leaves: bool) {
        let old = core::mem::replace(&mut state.attachment, new);
        let old_ats = core::mem::replace(&mut state.attached_ats, ats);

        if let Some(targets) = old.targets().filter(|_| leaves) {
            targets.leave(&self.usage(&old, old_ats));
        }
        if old.s1dss() == Some(S1dss::Ssid0) && state.attachment.s1dss() != Some(S1dss::Ssid0) {
            // Not in use any more: nothing to undo if it can't be cleared.
            let _ = self.write_cd(0, &Cd::invalid());
        }
    }

    /// Writes the descriptor of the device's own traffic, if `attachment` has one, before the entry
    /// that leads to it.
    fn write_own_cd(&self, attachment: &Attachment) -> Result {
        match attachment {
            Attachment::Paging(domain) => match domain.stage1() {
                Some((cfg, asid)) => self.write_cd(0, &Cd::stage1(&cfg, asid)),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
