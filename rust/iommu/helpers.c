// SPDX-License-Identifier: GPL-2.0

#include <linux/acpi.h>
#include <linux/bitfield.h>
#include <linux/cacheflush.h>
#include <linux/cpufeature.h>
#include <linux/idr.h>
#include <linux/mutex.h>
#include <linux/of_address.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/sched/signal.h>

#include "helpers.h"

/* drivers/iommu/dma-iommu.h is private to drivers/iommu. */
void iommu_dma_get_resv_regions(struct device *dev, struct list_head *list);

/* Of the list of registered IOMMUs. Inside iommu_probe_device_lock. */
DEFINE_MUTEX(rust_iommu_instances);

/* PASIDs that are in use. */
static DEFINE_IDA(pasids);

int rust_helper_pasid_alloc(u32 min, u32 max)
{
	return ida_alloc_range(&pasids, min, max, GFP_KERNEL_ACCOUNT);
}

void rust_helper_pasid_free(u32 pasid)
{
	ida_free(&pasids, pasid);
}

struct iommu_fwspec *rust_helper_dev_iommu_fwspec_get(struct device *dev)
{
	return dev_iommu_fwspec_get(dev);
}

void rust_helper_iommu_dma_get_resv_regions(struct device *dev,
					    struct list_head *list)
{
	/* What it calls takes a fwspec for granted. */
	if (dev_iommu_fwspec_get(dev))
		iommu_dma_get_resv_regions(dev, list);
}

void rust_helper_iommu_resv_region_add(struct list_head *list,
				       struct iommu_resv_region *region)
{
	list_add_tail(&region->list, list);
}

bool rust_helper_of_dma_is_coherent(struct device *dev)
{
	return of_dma_is_coherent(dev->of_node);
}

bool rust_helper_acpi_in_use(void)
{
	return !acpi_disabled;
}

const void *rust_helper_acpi_get_table(const char *signature, u32 *length)
{
#ifdef CONFIG_ACPI
	struct acpi_table_header *table;

	if (acpi_disabled ||
	    ACPI_FAILURE(acpi_get_table((char *)signature, 0, &table)))
		return NULL;
	*length = table->length;
	return table;
#else
	return NULL;
#endif
}

void rust_helper_acpi_put_table(const void *table)
{
#ifdef CONFIG_ACPI
	acpi_put_table((struct acpi_table_header *)table);
#endif
}

const struct iommu_ops *rust_helper_dev_iommu_ops(struct device *dev)
{
	return dev->iommu && dev->iommu->iommu_dev ?
	       dev->iommu->iommu_dev->ops : NULL;
}

bool rust_helper_dev_has_msi(struct device *dev)
{
	return dev_is_pci(dev) && pci_dev_msi_enabled(to_pci_dev(dev));
}

int rust_helper_iommu_group_visit_resv(struct iommu_group *group,
				       iommu_resv_fn fn, void *arg)
{
	struct iommu_resv_region *region, *next;
	LIST_HEAD(regions);
	int ret;

	ret = iommu_get_group_resv_regions(group, &regions);
	list_for_each_entry_safe(region, next, &regions, list) {
		if (!ret)
			ret = fn(region, arg);
		list_del(&region->list);
		kfree(region);
	}
	return ret;
}

int rust_helper_iommu_dev_to_node(struct device *dev)
{
	return dev_to_node(dev);
}

struct pci_dev *rust_helper_dev_to_pci(struct device *dev)
{
	return dev_is_pci(dev) ? to_pci_dev(dev) : NULL;
}

int rust_helper_pci_domain_nr(struct pci_dev *pdev)
{
	return pci_domain_nr(pdev->bus);
}

struct pci_dev *rust_helper_pci_physfn(struct pci_dev *pdev)
{
	return pci_physfn(pdev);
}

struct pci_dev *rust_helper_pci_upstream_bridge(struct pci_dev *pdev)
{
	return pci_upstream_bridge(pdev);
}

bool rust_helper_pci_pri_supported(struct pci_dev *pdev)
{
	return pci_pri_supported(pdev);
}

struct pci_dev *rust_helper_pci_requester(struct pci_dev *pdev)
{
#if defined(CONFIG_X86) && IS_ENABLED(CONFIG_VMD)
	/* pci_real_dma_dev() is not exported. */
	if (is_vmd(pdev->bus))
		return to_pci_sysdata(pdev->bus)->vmd_dev;
#endif
	return pdev;
}

int rust_helper_iommu_copy_struct_from_user(void *dst,
					    const struct iommu_user_data *src,
					    unsigned int data_type,
					    size_t data_len, size_t min_len)
{
	return __iommu_copy_struct_from_user(dst, src, data_type, data_len,
					     min_len);
}

int rust_helper_iommu_copy_user_entries(void *dst, size_t entry_size,
					const struct iommu_user_data_array *src,
					unsigned int first, unsigned int count)
{
	void __user *uptr = src->uptr + src->entry_len * first;
	unsigned int i;
	int ret;

	if (src->entry_len == entry_size)
		return copy_from_user(dst, uptr, entry_size * count) ?
			       -EFAULT : 0;

	for (i = 0; i < count; i++) {
		ret = copy_struct_from_user(dst + entry_size * i, entry_size,
					    uptr + src->entry_len * i,
					    src->entry_len);
		if (ret)
			return ret;
	}
	return 0;
}

bool rust_helper_cond_resched_alive(void)
{
	cond_resched();
	return !fatal_signal_pending(current);
}

void *rust_helper_iommu_phys_to_virt(phys_addr_t phys)
{
	return phys_to_virt(phys);
}

static bool phys_is_ram(phys_addr_t phys)
{
#ifdef CONFIG_ARM64
	return pfn_is_map_memory(PHYS_PFN(phys));
#else
	return page_is_ram(PHYS_PFN(phys));
#endif
}

static void clean_inval_poc(void *start, size_t size)
{
#ifdef CONFIG_ARM64
	/* The size of the smallest line: log2 of a number of words. */
	u64 ctr = read_sanitised_ftr_reg(SYS_CTR_EL0);
	unsigned long line = 4UL << FIELD_GET(GENMASK_ULL(19, 16), ctr);
	unsigned long addr = (unsigned long)start & ~(line - 1);
	unsigned long end = (unsigned long)start + size;

	for (; addr < end; addr += line)
		asm volatile("dc civac, %0" : : "r" (addr) : "memory");
	/* The loop's effects before whatever the device is told next. */
	dsb(sy);
#else
	clflush_cache_range(start, size);
#endif
}

void rust_helper_phys_clean_inval_poc(phys_addr_t phys, size_t size)
{
	while (size) {
		size_t len = min_t(size_t, size, PAGE_SIZE - offset_in_page(phys));

		if (phys_is_ram(phys))
			clean_inval_poc(phys_to_virt(phys), len);
		phys += len;
		size -= len;
	}
}

#ifdef CONFIG_X86_64
void rust_helper_clean_inval_poc(void *start, size_t size)
{
	clean_inval_poc(start, size);
}
#endif

bool rust_helper_pci_find_in_use(pci_dev_fn fn, void *arg)
{
	struct pci_dev *pdev = NULL;
	bool found = false;

	for_each_pci_dev(pdev) {
		struct pci_driver *driver;

		device_lock(&pdev->dev);
		driver = pci_dev_driver(pdev);
		found = driver && !driver->driver_managed_dma && fn(pdev, arg);
		device_unlock(&pdev->dev);
		if (found) {
			pci_dev_put(pdev);
			break;
		}
	}
	return found;
}

void rust_helper_delayed_work_init(struct delayed_work *work, work_func_t fn)
{
	INIT_DELAYED_WORK(work, fn);
}

void rust_helper_delayed_work_queue(struct delayed_work *work, u32 delay_ms)
{
	queue_delayed_work(system_dfl_wq, work, msecs_to_jiffies(delay_ms));
}
