// SPDX-License-Identifier: GPL-2.0

//! What is sent to a unit, and how often it is waited for.

use super::{
    super::{
        arch::samples::RICH,
        model::shared::Shared, //
    },
    *, //
};

const PAGE: Block = Block {
    address: 0x1_2345_6000,
    order: 0,
};

/// A unit that only keeps what it was told: calls, each of which is waited for.
struct Log(Shared<KVec<KVec<Descriptor>>>);

impl Invalidate for Log {
    fn invalidate(&self, descriptors: &[Descriptor]) -> Result {
        let mut call = KVec::new();

        call.extend_from_slice(descriptors, GFP_KERNEL)?;
        Ok(self.0.borrow_mut().push(call, GFP_KERNEL)?)
    }

    // Its devices answer.
    fn cut_off(&self, _: DeviceTlb) -> Result {
        Err(EINVAL)
    }

    fn is_cut_off(&self, _: DeviceTlb) -> bool {
        false
    }

    fn is_told_all(&self) -> bool {
        false
    }
}

/// Users of a guest's tables: device 1 without PASID, by DID 5, and with PASID 7, by DID 6; and
/// device 2 without, by DID 8.
fn users() -> Result<Users> {
    users_by(true)
}

/// The same of devices that cache nothing themselves.
fn users_without_devices() -> Result<Users> {
    users_by(false)
}

fn users_by(caches: bool) -> Result<Users> {
    let mut users = Users::new(&RICH);
    let usages = [(5, OWN, 1), (6, 7, 1), (8, OWN, 2)].map(|(did, pasid, sid)| Usage {
        tag: Tag::First { did, pasid },
        device: caches.then(|| (cache(sid), (pasid != OWN).then_some(pasid))),
    });

    for usage in &usages {
        let mut room = Room::new();

        room.grow(users.wanted(usage))?;
        users.take_room(&mut room);
        assert!(users.has_room(usage));
        users.join(usage);
    }
    Ok(users)
}

fn cache(sid: u16) -> DeviceTlb {
    DeviceTlb {
        sid,
        pfsid: sid,
        depth: 0,
    }
}

fn calls(changes: &[Change]) -> Result<KVec<KVec<Descriptor>>> {
    let log = Log(Shared::new(KVec::new()));

    users()?.invalidate_all(&log, changes)?;
    let calls = core::mem::take(&mut *log.0.borrow_mut());

    Ok(calls)
}

const fn change(device: Option<u16>, pasid: Option<u32>, block: Option<Block>) -> Change {
    Change {
        device,
        pasid,
        block,
        leaf: true,
    }
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_flush))]
mod cases {
    use super::*;

    #[test]
    fn many_changes_are_waited_for_twice() -> Result {
        let of_all = change(None, None, Some(PAGE));
        let of_one = change(None, Some(7), None);
        let calls = calls(&[of_all, of_one])?;

        assert_eq!(calls.len(), 2);
        assert_eq!(
            calls[0][..],
            [
                Descriptor::pasid_iotlb_page(5, OWN, PAGE, true),
                Descriptor::pasid_iotlb_page(6, 7, PAGE, true),
                Descriptor::pasid_iotlb_page(8, OWN, PAGE, true),
                Descriptor::pasid_iotlb_pasid(6, 7),
            ]
        );
        // What devices have is filled from the above.
        assert_eq!(
            calls[1][..],
            [
                Descriptor::device_tlb(cache(1), PAGE),
                Descriptor::pasid_device_tlb(cache(1), 7, PAGE),
                Descriptor::device_tlb(cache(2), PAGE),
                Descriptor::pasid_device_tlb(cache(1), 7, Block::ALL),
            ]
        );
        Ok(())
    }

    #[test]
    fn an_array_is_waited_for_as_a_whole() -> Result {
        let of_device = change(Some(2), None, Some(PAGE));

        // Three tags each.
        for (changes, waits) in [(RUN_MAX / 3, 1), (RUN_MAX / 3 + 1, 2)] {
            let of_all = KVec::from_elem(change(None, None, Some(PAGE)), changes, GFP_KERNEL)?;
            let users = users_without_devices()?;
            let log = Log(Shared::new(KVec::new()));

            users.invalidate_all(&log, &of_all)?;
            assert_eq!(log.0.borrow_mut().len(), waits);
        }
        for (changes, waits) in [(RUN_MAX, 1), (RUN_MAX + 1, 2)] {
            let of_device = KVec::from_elem(of_device, changes, GFP_KERNEL)?;

            assert_eq!(calls(&of_device)?.len(), waits);
        }
        Ok(())
    }

    #[test]
    fn of_no_pasid() -> Result {
        let calls = calls(&[change(None, Some(OWN), Some(PAGE))])?;

        assert_eq!(
            calls[0][..],
            [
                Descriptor::pasid_iotlb_page(5, OWN, PAGE, true),
                Descriptor::pasid_iotlb_page(8, OWN, PAGE, true),
            ]
        );
        assert_eq!(
            calls[1][..],
            [
                Descriptor::device_tlb(cache(1), PAGE),
                Descriptor::device_tlb(cache(2), PAGE),
            ]
        );
        Ok(())
    }

    #[test]
    fn of_one_device() -> Result {
        let of_pasid = calls(&[change(Some(1), Some(7), None)])?;
        let of_all = calls(&[change(Some(1), None, Some(PAGE))])?;

        assert_eq!(of_pasid.len(), 1);
        assert_eq!(
            of_pasid[0][..],
            [Descriptor::pasid_device_tlb(cache(1), 7, Block::ALL)]
        );
        assert_eq!(
            of_all[0][..],
            [
                Descriptor::device_tlb(cache(1), PAGE),
                Descriptor::pasid_device_tlb(cache(1), 7, PAGE),
            ]
        );
        Ok(())
    }

    #[test]
    fn nothing() -> Result {
        assert!(calls(&[])?.is_empty());
        assert!(calls(&[change(None, Some(8), None)])?.is_empty());
        assert!(calls(&[change(Some(3), None, None)])?.is_empty());
        Ok(())
    }
}
