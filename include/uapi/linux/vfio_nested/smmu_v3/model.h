/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * <linux/vfio_nested.h> for containers whose IOMMUs are Arm SMMUv3.
 *
 * Where it leaves something to the model:
 *
 * - @device_id is a StreamID;
 * - @pasid_bits of VFIO_NESTED_BIND_PASID_TABLE is STE.S1CDMax, and @data is struct
 *   vfio_nested_arm_smmuv3_table;
 * - @pasid_table_formats of struct vfio_nested_info_cap are values of @s1fmt there;
 * - @archid of struct vfio_nested_inv is an ASID;
 * - VFIO_NESTED_CACHE_INVALIDATE takes commands of 16 bytes, little-endian, with a
 *   @device_id as StreamID: the same as are allowed with
 *   IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 of <linux/iommufd.h>;
 * - @raw of struct vfio_nested_event is a record of the event queue, little-endian,
 *   with @device_id as StreamID.
 *
 * VFIO_NESTED_BIND_GUEST_PGTBL: @data[0] is the first 64 bits of the guest's context
 * descriptor, as the guest wrote it, the rest is 0. @base is its TTB0, @input_bits is
 * 64 - T0SZ. The table is one of VMSAv8-64 for the lower half (EPD0 0, EPD1 1, AA64 1,
 * V 1) with addresses of up to 48 bits; big-endian tables, top bytes that are ignored,
 * and flags that hardware sets (HA, HD) are EOPNOTSUPP.
 */
#ifndef _UAPI_LINUX_VFIO_NESTED_SMMU_V3_MODEL_H
#define _UAPI_LINUX_VFIO_NESTED_SMMU_V3_MODEL_H

#include <linux/types.h>
#include <linux/vfio.h>

/* Of all @model. */
#define VFIO_NESTED_MODEL_ARM_SMMUV3		1

/**
 * struct vfio_nested_info_arm_smmuv3 - VFIO_IOMMU_GET_INFO: registers of an SMMU
 * @header: The capability's, with @header.id VFIO_NESTED_INFO_CAP_ARM_SMMUV3.
 * @index: Counts the IOMMUs of the container from 0: there is one of these for
 *         each.
 * @reserved: 0.
 * @idr: SMMU_IDR0 to SMMU_IDR5, as the hardware has them.
 * @iidr: SMMU_IIDR.
 * @aidr: SMMU_AIDR.
 *
 * As of struct iommu_hw_info_arm_smmuv3, not every feature that the registers
 * announce is there for a guest.
 */
struct vfio_nested_info_arm_smmuv3 {
	struct vfio_info_cap_header header;
	__u32	index;
	__u32	reserved;
	__u32	idr[6];
	__u32	iidr;
	__u32	aidr;
};

/* VFIO_NESTED_INFO_CAP_MODEL() of it. */
#define VFIO_NESTED_INFO_CAP_ARM_SMMUV3		0x4e01

/**
 * struct vfio_nested_arm_smmuv3_table - What the SMMU needs to know of a table of
 *                                       context descriptors
 * @s1fmt: STE.S1Fmt: 0 linear, 1 two levels with leaves of 4 KiB, 2 of 64 KiB.
 *         Must be 0 with @pasid_bits 0.
 * @s1dss: STE.S1DSS: what transactions without a PASID do: 0 abort, 1 bypass the
 *         first stage, 2 use the table's entry 0. Must be 0 with @pasid_bits 0.
 * @s1cir: STE.S1CIR, @s1cor: STE.S1COR, @s1csh: STE.S1CSH: how the SMMU reads the
 *         table.
 * @s1cor: See @s1cir.
 * @s1csh: See @s1cir.
 * @stalld: STE.S1STALLD. Transactions are never stalled, either way.
 * @reserved: 0.
 *
 * The first bytes of @data of struct vfio_nested_bind_pasid_table. The rest of @data
 * is 0, and so is all of it if @config is not VFIO_NESTED_CONFIG_TRANSLATE.
 */
struct vfio_nested_arm_smmuv3_table {
	__u8	s1fmt;
	__u8	s1dss;
	__u8	s1cir;
	__u8	s1cor;
	__u8	s1csh;
	__u8	stalld;
	__u8	reserved[2];
};

#endif /* _UAPI_LINUX_VFIO_NESTED_SMMU_V3_MODEL_H */
