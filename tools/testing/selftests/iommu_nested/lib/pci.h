/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI functions in sysfs, and their way to vfio-pci. */
#ifndef IOMMU_NESTED_PCI_H
#define IOMMU_NESTED_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define PCI_SYSFS	"/sys/bus/pci/devices"

/**
 * pci_find() - the @nth function with these IDs, in the order of addresses
 * @bdf: gets the address, "0000:00:02.0"
 *
 * Return: 0 or -ENODEV.
 */
int pci_find(__u16 vendor, __u16 device, unsigned int nth, char bdf[16]);

/**
 * pci_open_vfio() - open the vfio character device of a function
 *
 * A function that vfio-pci does not drive is handed to it with driver_override.
 *
 * Return: a file descriptor or a negative errno.
 */
int pci_open_vfio(const char *bdf);

/** pci_open_vfio_group() - the same with the vfio group that it is in */
int pci_open_vfio_group(const char *bdf);

/** pci_iommu_group() - the number of its IOMMU group */
int pci_iommu_group(const char *bdf);

/** pci_unbind() - takes a function from its driver, if it has one */
int pci_unbind(const char *bdf);

/**
 * pci_set_domain_type() - what the group's domain is when no user has one
 *
 * As sysfs has it: "identity", "DMA", "DMA-FQ" or "auto". No function of the group
 * may have a driver.
 */
int pci_set_domain_type(const char *bdf, const char *type);

/** pci_remove() - takes a function from the kernel; waits until it has no user */
int pci_remove(const char *bdf);
/** pci_rescan() - brings back what was removed */
int pci_rescan(void);

/** pci_enable() - memory decoding and bus mastering, through sysfs */
int pci_enable(const char *bdf);

/** pci_map_bar0() - the first memory region, through sysfs */
int pci_map_bar0(const char *bdf, void **bar, size_t *size);

/** pci_msi_address() - where the function writes its MSI, as it has been told */
int pci_msi_address(const char *bdf, __u64 *address);

/** pci_rid() - its requester ID; -EINVAL if this is no name of a function */
int pci_rid(const char *bdf);

/**
 * pci_requester() - the function whose requester ID its DMA has behind a bridge
 * @name: gets the address, without the segment
 *
 * Of one bridge that makes IDs up or uses its own; without such it is the function.
 */
int pci_requester(const char *bdf, char name[16]);

/** pci_ats() - whether it may ask for translations (ATS); -ENOENT if it can't */
int pci_ats(const char *bdf);
/** pci_set_ats() - the same whatever the kernel thinks of it, through sysfs */
int pci_set_ats(const char *bdf, bool on);

/** pci_iommu() - the name of the IOMMU before a function */
int pci_iommu(const char *bdf, char *name, size_t size);

/** pci_iommu_driver() - the name of the driver of the IOMMU before a function */
int pci_iommu_driver(const char *bdf, char *name, size_t size);

#endif
