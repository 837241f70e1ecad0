-- Bytes that the Data Transfer-Premium fee counts, by endpoint Region.
--
-- AWS charges it for the dominant direction of each hour's traffic, at a rate that depends on the
-- endpoint's Region and on the edge location (Global Accelerator pricing). Here that is taken for
-- each hour, accelerator, Region and edge location by itself: billed_bytes is the larger of both
-- directions, summed. It is an estimate and no bill; AWS does not publish how it groups. Records
-- of no endpoint Region have NULL there. In Athena write other days in place of each '2026-01-01'
-- and '2026-01-31', both of which are looked at: others are not read.
WITH hours AS (
  SELECT endpointregion,
    coalesce(sum(CASE WHEN direction = 'INGRESS' THEN bytes END), 0) AS ingress_bytes,
    coalesce(sum(CASE WHEN direction = 'EGRESS' THEN bytes END), 0) AS egress_bytes
  FROM aga_flow_logs
  WHERE year >= substr(/* :from */ '2026-01-01', 1, 4)
    AND year <= substr(/* :to */ '2026-01-31', 1, 4)
    AND year || '-' || month || '-' || day >= /* :from */ '2026-01-01'
    AND year || '-' || month || '-' || day <= /* :to */ '2026-01-31'
    AND clientip IS NOT NULL
  GROUP BY endpointregion, acceleratorid, globalacceleratorregion, date_trunc('hour', starttime)
)
SELECT endpointregion,
  sum(ingress_bytes) AS ingress_bytes,
  sum(egress_bytes) AS egress_bytes,
  sum(greatest(ingress_bytes, egress_bytes)) AS billed_bytes
FROM hours
GROUP BY endpointregion
ORDER BY billed_bytes DESC, endpointregion NULLS LAST;
