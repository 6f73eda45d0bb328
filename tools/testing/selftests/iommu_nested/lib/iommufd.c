// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "iommufd.h"

static int do_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

int iommufd_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int iommufd_destroy(int fd, __u32 id)
{
	struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };

	return do_ioctl(fd, IOMMU_DESTROY, &cmd);
}

int iommufd_ioas_alloc(int fd, __u32 *ioas)
{
	struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
	int rc = do_ioctl(fd, IOMMU_IOAS_ALLOC, &cmd);

	*ioas = cmd.out_ioas_id;
	return rc;
}

int iommufd_ioas_map_prot(int fd, __u32 ioas, void *va, size_t len, __u64 iova,
			  __u32 prot)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | prot,
		.ioas_id = ioas,
		.user_va = (uintptr_t)va,
		.length = len,
		.iova = iova,
	};

	return do_ioctl(fd, IOMMU_IOAS_MAP, &cmd);
}

int iommufd_ioas_map(int fd, __u32 ioas, void *va, size_t len, __u64 iova)
{
	return iommufd_ioas_map_prot(fd, ioas, va, len, iova,
				     IOMMU_IOAS_MAP_READABLE |
				     IOMMU_IOAS_MAP_WRITEABLE);
}

int iommufd_ioas_unmap(int fd, __u32 ioas, __u64 iova, size_t len)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = iova,
		.length = len,
	};

	return do_ioctl(fd, IOMMU_IOAS_UNMAP, &cmd);
}

int iommufd_ioas_ranges(int fd, __u32 ioas, struct iommu_iova_range *ranges,
			__u32 *num, __u64 *align)
{
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = *num,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int rc = do_ioctl(fd, IOMMU_IOAS_IOVA_RANGES, &cmd);

	*num = cmd.num_iovas;
	*align = cmd.out_iova_alignment;
	return rc;
}

int iommufd_hw_info(int fd, __u32 dev, struct iommu_hw_info *cmd, void *info,
		    size_t len)
{
	cmd->size = sizeof(*cmd);
	cmd->dev_id = dev;
	cmd->data_len = len;
	cmd->data_uptr = (uintptr_t)info;
	return do_ioctl(fd, IOMMU_GET_HW_INFO, cmd);
}

int iommufd_hwpt_alloc_data(int fd, __u32 dev, __u32 pt, __u32 flags,
			    __u32 type, const void *data, __u32 len,
			    __u32 *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = dev,
		.pt_id = pt,
		.data_type = type,
		.data_len = len,
		.data_uptr = (uintptr_t)data,
	};
	int rc = do_ioctl(fd, IOMMU_HWPT_ALLOC, &cmd);

	*hwpt = cmd.out_hwpt_id;
	return rc;
}

int iommufd_hwpt_alloc(int fd, __u32 dev, __u32 pt, __u32 flags, __u32 *hwpt)
{
	return iommufd_hwpt_alloc_data(fd, dev, pt, flags, IOMMU_HWPT_DATA_NONE,
				       NULL, 0, hwpt);
}

int iommufd_set_dirty_tracking(int fd, __u32 hwpt, __u32 flags)
{
	struct iommu_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.hwpt_id = hwpt,
	};

	return do_ioctl(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd);
}

int iommufd_get_dirty_bitmap(int fd, __u32 hwpt, __u64 iova, __u64 len,
			     __u64 page_size, __u64 *bitmap)
{
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = hwpt,
		.iova = iova,
		.length = len,
		.page_size = page_size,
		.data = (uintptr_t)bitmap,
	};

	return do_ioctl(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd);
}

int iommufd_viommu_alloc(int fd, __u32 dev, __u32 hwpt, __u32 type,
			 __u32 *viommu)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = type,
		.dev_id = dev,
		.hwpt_id = hwpt,
	};
	int rc = do_ioctl(fd, IOMMU_VIOMMU_ALLOC, &cmd);

	*viommu = cmd.out_viommu_id;
	return rc;
}

int iommufd_vdevice_alloc(int fd, __u32 viommu, __u32 dev, __u64 virt_id,
			  __u32 *vdevice)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.dev_id = dev,
		.virt_id = virt_id,
	};
	int rc = do_ioctl(fd, IOMMU_VDEVICE_ALLOC, &cmd);

	*vdevice = cmd.out_vdevice_id;
	return rc;
}

int iommufd_fault_alloc(int fd, __u32 *fault, int *fault_fd)
{
	struct iommu_fault_alloc cmd = { .size = sizeof(cmd) };
	int rc = do_ioctl(fd, IOMMU_FAULT_QUEUE_ALLOC, &cmd);

	*fault = cmd.out_fault_id;
	*fault_fd = rc ? -1 : (int)cmd.out_fault_fd;
	return rc;
}

int iommufd_hwpt_alloc_fault(int fd, __u32 dev, __u32 pt, __u32 fault,
			     __u32 *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_FAULT_ID_VALID,
		.dev_id = dev,
		.pt_id = pt,
		.fault_id = fault,
	};
	int rc = do_ioctl(fd, IOMMU_HWPT_ALLOC, &cmd);

	*hwpt = cmd.out_hwpt_id;
	return rc;
}

int iommufd_veventq_alloc(int fd, __u32 viommu, __u32 type, __u32 depth,
			  __u32 *veventq, int *queue_fd)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.type = type,
		.veventq_depth = depth,
	};
	int rc = do_ioctl(fd, IOMMU_VEVENTQ_ALLOC, &cmd);

	*veventq = cmd.out_veventq_id;
	*queue_fd = rc ? -1 : (int)cmd.out_veventq_fd;
	return rc;
}

int iommufd_invalidate_raw(int fd, struct iommu_hwpt_invalidate *cmd)
{
	cmd->size = sizeof(*cmd);
	return do_ioctl(fd, IOMMU_HWPT_INVALIDATE, cmd);
}
