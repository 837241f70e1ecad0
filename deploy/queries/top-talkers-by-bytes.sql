-- Top 50 client addresses by bytes, in both directions.
--
-- A record that reports a gap in the log (log status SKIPDATA) names no client and counts nothing:
-- it is left out. A client whose bytes were never counted comes last, as NULL. Of equal clients
-- the one that sorts first as text comes first: the answer is always the same. For one day, add
-- to the conditions: AND year = '2026' AND month = '01' AND day = '09'
SELECT clientip, sum(bytes) AS bytes
FROM aga_flow_logs
WHERE clientip IS NOT NULL
GROUP BY clientip
ORDER BY bytes DESC NULLS LAST, clientip
LIMIT 50;
