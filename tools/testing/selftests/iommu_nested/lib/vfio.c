// SPDX-License-Identifier: GPL-2.0-only
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vfio.h"

/* The headers of the models do not know of each other. */
static_assert(VFIO_NESTED_MODEL_ARM_SMMUV3 != VFIO_NESTED_MODEL_INTEL_VTD,
	      "a model's number is its own");
static_assert(VFIO_NESTED_INFO_CAP_ARM_SMMUV3 ==
	      VFIO_NESTED_INFO_CAP_MODEL(VFIO_NESTED_MODEL_ARM_SMMUV3),
	      "a capability's ID goes by the model's number");
static_assert(VFIO_NESTED_INFO_CAP_INTEL_VTD ==
	      VFIO_NESTED_INFO_CAP_MODEL(VFIO_NESTED_MODEL_INTEL_VTD),
	      "a capability's ID goes by the model's number");

int vfio_ioctl(int fd, unsigned long request, void *arg)
{
	int rc = ioctl(fd, request, arg);

	return rc < 0 ? -errno : rc;
}

int vfio_open(void)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int vfio_extension(int fd, unsigned long extension)
{
	return vfio_ioctl(fd, VFIO_CHECK_EXTENSION, (void *)extension);
}

int vfio_set_iommu(int fd, unsigned long type)
{
	return vfio_ioctl(fd, VFIO_SET_IOMMU, (void *)type);
}

int vfio_map_flags(int fd, void *va, __u64 len, __u64 iova, __u32 flags)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = flags,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = len,
	};

	return vfio_ioctl(fd, VFIO_IOMMU_MAP_DMA, &cmd);
}

int vfio_map(int fd, void *va, __u64 len, __u64 iova)
{
	return vfio_map_flags(fd, va, len, iova, VFIO_MAP_RW);
}

int vfio_unmap_flags(int fd, __u64 iova, __u64 len, __u32 flags, __u64 *unmapped)
{
	struct vfio_iommu_type1_dma_unmap cmd = {
		.argsz = sizeof(cmd),
		.flags = flags,
		.iova = iova,
		.size = len,
	};
	int rc = vfio_ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &cmd);

	if (unmapped)
		*unmapped = cmd.size;
	return rc;
}

int vfio_unmap(int fd, __u64 iova, __u64 len, __u64 *unmapped)
{
	return vfio_unmap_flags(fd, iova, len, 0, unmapped);
}

int vfio_info(int fd, struct vfio_iommu_type1_info *info, size_t size)
{
	memset(info, 0, size);
	info->argsz = size;
	return vfio_ioctl(fd, VFIO_IOMMU_GET_INFO, info);
}

const void *vfio_capability(const struct vfio_iommu_type1_info *info,
			    unsigned int id, unsigned int nth)
{
	__u32 at = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;

	while (at) {
		const struct vfio_info_cap_header *header;

		header = (const void *)((const char *)info + at);
		if (header->id == id && !nth--)
			return header;
		at = header->next;
	}
	return NULL;
}

int vfio_bind(int fd, struct vfio_nested_bind_pasid_table *cmd)
{
	if (!cmd->argsz)
		cmd->argsz = sizeof(*cmd);
	return vfio_ioctl(fd, VFIO_NESTED_BIND_PASID_TABLE, cmd);
}

int vfio_unbind(int fd, struct vfio_nested_target target)
{
	struct vfio_nested_unbind cmd = {
		.argsz = sizeof(cmd),
		.target = target,
	};

	return vfio_ioctl(fd, VFIO_NESTED_UNBIND_PASID_TABLE, &cmd);
}

int vfio_bind_pgtbl(int fd, struct vfio_nested_bind_guest_pgtbl *cmd)
{
	if (!cmd->argsz)
		cmd->argsz = sizeof(*cmd);
	return vfio_ioctl(fd, VFIO_NESTED_BIND_GUEST_PGTBL, cmd);
}

int vfio_unbind_pgtbl(int fd, struct vfio_nested_target target)
{
	struct vfio_nested_bind_guest_pgtbl cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_NESTED_PGTBL_NO_PASID,
		.target = target,
	};

	return vfio_ioctl(fd, VFIO_NESTED_UNBIND_GUEST_PGTBL, &cmd);
}

int vfio_pasid_alloc(int fd, __u32 min, __u32 max)
{
	struct vfio_nested_pasid cmd = {
		.argsz = sizeof(cmd),
		.min = min,
		.max = max,
	};
	int rc = vfio_ioctl(fd, VFIO_NESTED_PASID_ALLOC, &cmd);

	return rc ? rc : (int)cmd.pasid;
}

int vfio_pasid_free(int fd, __u32 pasid)
{
	struct vfio_nested_pasid cmd = {
		.argsz = sizeof(cmd),
		.pasid = pasid,
	};

	return vfio_ioctl(fd, VFIO_NESTED_PASID_FREE, &cmd);
}

int vfio_bind_msi(int fd, struct vfio_nested_target target, __u64 giova,
		  __u64 gdb, __u64 size)
{
	struct vfio_nested_bind_msi cmd = {
		.argsz = sizeof(cmd),
		.target = target,
		.giova = giova,
		.gdb = gdb,
		.size = size,
	};

	return vfio_ioctl(fd, VFIO_NESTED_BIND_MSI, &cmd);
}

int vfio_unbind_msi(int fd, struct vfio_nested_target target)
{
	struct vfio_nested_unbind cmd = {
		.argsz = sizeof(cmd),
		.target = target,
	};

	return vfio_ioctl(fd, VFIO_NESTED_UNBIND_MSI, &cmd);
}

int vfio_invalidate_raw(int fd, struct vfio_nested_cache_invalidate *cmd)
{
	if (!cmd->argsz)
		cmd->argsz = sizeof(*cmd);
	return vfio_ioctl(fd, VFIO_NESTED_CACHE_INVALIDATE, cmd);
}

int vfio_invalidate(int fd, const struct vfio_nested_inv *entries, __u32 *num)
{
	struct vfio_nested_cache_invalidate cmd = {
		.model = VFIO_NESTED_MODEL_NONE,
		.entry_size = sizeof(entries[0]),
		.entries = (uintptr_t)entries,
		.count = *num,
	};
	int rc = vfio_invalidate_raw(fd, &cmd);

	*num = cmd.count;
	return rc;
}

int vfio_event_fd(int fd, __u32 depth)
{
	struct vfio_nested_event_fd cmd = {
		.argsz = sizeof(cmd),
		.depth = depth,
	};

	return vfio_ioctl(fd, VFIO_NESTED_EVENT_FD, &cmd);
}
