-- On which terms a salon books. The salon's default has no service.

-- name: policy_version
SELECT version FROM policies WHERE tenant_id = $1 AND service_id IS NOT DISTINCT FROM $2::uuid;

-- name: policy_put
INSERT INTO policies AS p (tenant_id, service_id, deposit_kind, deposit_value, deposit_for, deposit_waived_after, hold_seconds,
    deposit_deadline_seconds, cancel_notice_hours, late_kind, late_value, reschedule_limit, max_holds_per_client,
    waitlist_offer_seconds)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT ON CONSTRAINT policies_one DO UPDATE
SET deposit_kind = excluded.deposit_kind, deposit_value = excluded.deposit_value, deposit_for = excluded.deposit_for,
    deposit_waived_after = excluded.deposit_waived_after, hold_seconds = excluded.hold_seconds,
    deposit_deadline_seconds = excluded.deposit_deadline_seconds, cancel_notice_hours = excluded.cancel_notice_hours,
    late_kind = excluded.late_kind, late_value = excluded.late_value, reschedule_limit = excluded.reschedule_limit,
    max_holds_per_client = excluded.max_holds_per_client, waitlist_offer_seconds = excluded.waitlist_offer_seconds,
    version = p.version + 1
RETURNING version;

-- name: policy_get
SELECT deposit_kind, deposit_value, deposit_for, deposit_waived_after, hold_seconds, deposit_deadline_seconds,
    cancel_notice_hours, late_kind, late_value, reschedule_limit, max_holds_per_client, waitlist_offer_seconds, version
FROM policies WHERE tenant_id = $1 AND service_id IS NOT DISTINCT FROM $2::uuid;

-- name: policy_delete
DELETE FROM policies WHERE tenant_id = $1 AND service_id IS NOT DISTINCT FROM $2::uuid;
