// SPDX-License-Identifier: GPL-2.0-only
#include <stdint.h>

#include "iommufd.h"
#include "smmuv3_ioctl.h"
#include "vfio.h"

int iommufd_hwpt_alloc_ste(int fd, __u32 dev, __u32 viommu, const __u64 ste[2],
			   __u32 *hwpt)
{
	struct iommu_hwpt_arm_smmuv3 data = { .ste = { ste[0], ste[1] } };

	return iommufd_hwpt_alloc_data(fd, dev, viommu, 0,
				       IOMMU_HWPT_DATA_ARM_SMMUV3, &data,
				       sizeof(data), hwpt);
}

int iommufd_invalidate(int fd, __u32 viommu, const struct smmu_cmd *cmds,
		       __u32 *num)
{
	struct iommu_hwpt_invalidate cmd = {
		.hwpt_id = viommu,
		.data_uptr = (uintptr_t)cmds,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		.entry_len = sizeof(cmds[0]),
		.entry_num = *num,
	};
	int rc = iommufd_invalidate_raw(fd, &cmd);

	*num = cmd.entry_num;
	return rc;
}

int vfio_invalidate_smmu(int fd, const struct smmu_cmd *cmds, __u32 *num)
{
	struct vfio_nested_cache_invalidate cmd = {
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
		.entry_size = sizeof(cmds[0]),
		.entries = (uintptr_t)cmds,
		.count = *num,
	};
	int rc = vfio_invalidate_raw(fd, &cmd);

	*num = cmd.count;
	return rc;
}
