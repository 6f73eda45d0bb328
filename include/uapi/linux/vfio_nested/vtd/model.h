/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * <linux/vfio_nested.h> for containers whose IOMMUs are Intel VT-d units.
 *
 * Where it leaves something to the model:
 *
 * - @device_id is a source ID;
 * - @archid of struct vfio_nested_inv is the PASID that tags a translation, of at most
 *   20 bits, and 0 for traffic without. Where software walks the table it does not look
 *   at it;
 * - @raw of struct vfio_nested_event is a fault recording register, little-endian, with
 *   @device_id as source ID, of a unit that walks the guest's table itself;
 * - there are no VFIO_NESTED_BIND_PASID_TABLE, no VFIO_NESTED_BIND_MSI and no commands
 *   of the unit's own in VFIO_NESTED_CACHE_INVALIDATE.
 *
 * VFIO_NESTED_BIND_GUEST_PGTBL: @data[0] are IOMMU_VTD_S1_SRE, _EAFE, _WPE of
 * <linux/iommufd.h>, those that the unit has (EOPNOTSUPP), the rest is 0. Without caching
 * mode they do what they say. With it, EAFE is EOPNOTSUPP, and the others are about
 * requests with supervisor privilege, which are refused anyhow. @input_bits is 48 or 57,
 * by the levels of the table. Of what software translates, IOVAs of up to @input_bits of
 * struct vfio_nested_info_cap are there.
 */
#ifndef _UAPI_LINUX_VFIO_NESTED_VTD_MODEL_H
#define _UAPI_LINUX_VFIO_NESTED_VTD_MODEL_H

#include <linux/types.h>
#include <linux/vfio.h>

/* Of all @model. */
#define VFIO_NESTED_MODEL_INTEL_VTD		2

/**
 * struct vfio_nested_info_intel_vtd - VFIO_IOMMU_GET_INFO: registers of a VT-d unit
 * @header: The capability's, with @header.id VFIO_NESTED_INFO_CAP_INTEL_VTD.
 * @index: Counts the IOMMUs of the container from 0: there is one of these for
 *         each.
 * @reserved: 0.
 * @cap: CAP_REG, as the hardware has it.
 * @ecap: ECAP_REG.
 */
struct vfio_nested_info_intel_vtd {
	struct vfio_info_cap_header header;
	__u32	index;
	__u32	reserved;
	__aligned_u64 cap;
	__aligned_u64 ecap;
};

/* VFIO_NESTED_INFO_CAP_MODEL() of it. */
#define VFIO_NESTED_INFO_CAP_INTEL_VTD		0x4e02

#endif /* _UAPI_LINUX_VFIO_NESTED_VTD_MODEL_H */
