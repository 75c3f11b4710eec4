// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, SeatId} from "../../contracts/types/Ids.sol";
import {Seated} from "../docket/Seated.sol";
import {Gauge} from "./Gauge.sol";

contract SubmitGasTest is Seated, Gauge {
    uint256 internal constant REFUSED = 45_000;

    /// @dev Where every signature but the last is good. Honest seats send no such seal: they come second in a race at
    /// worst, and that is refused before the seal is looked at.
    uint256 internal constant REFUSED_FOR_THE_LAST = 48_000;

    Report internal ready;

    /// @dev The village of `count` seats whose ring is full, and a report for the day that just closed.
    function steady(uint256 count) internal {
        found(count, 0, EpochKind.Day);
        Epoch epoch = next(today());
        for (uint256 i = 0; i < 65; ++i) {
            passDay(epoch);
            submit(reportFor(epoch, value(i)));
            epoch = next(epoch);
        }
        passDay(epoch);
        ready = reportFor(epoch, value(123_456_789));
    }

    function measure(uint256 count, uint256 ceiling) internal {
        steady(count);
        bytes memory seal_ = seal(digestOf(ready), quorumBits());

        docket.submit(withSigners(ready.header, quorumBits()), ROOT, ready.payload, seal_);

        gauge("report", string.concat("ecdsa-n", vm.toString(count)), ceiling);
    }

    /// forge-config: default.isolate = true
    function test_R7_4_acceptedWith4Seats() public {
        measure(4, 55_500);
    }

    /// forge-config: default.isolate = true
    function test_R7_4_acceptedWith7Seats() public {
        measure(7, 65_500);
    }

    /// forge-config: default.isolate = true
    function test_R7_4_acceptedWith13Seats() public {
        measure(13, 85_000);
    }

    /// forge-config: default.isolate = true
    function test_R7_4_acceptedWith31Seats() public {
        measure(31, 144_000);
    }

    /// forge-config: default.isolate = true
    function test_R7_4_refusedForABadSignature() public {
        steady(4);
        bytes memory seal_ = seal(digestOf(ready), quorumBits());
        seal_[7] ^= 0x01;

        refuse(seal_, ready.payload);

        gauge("report", "refused-bad-signature", REFUSED);
    }

    /// forge-config: default.isolate = true
    function test_R7_4_refusedForABadLastSignature() public {
        steady(4);
        bytes memory seal_ = seal(digestOf(ready), quorumBits());
        seal_[seal_.length - 25] ^= 0x01;

        refuse(seal_, ready.payload);

        gauge("report", "refused-bad-last-signature", REFUSED_FOR_THE_LAST);
    }

    /// forge-config: default.isolate = true
    function test_R7_4_refusedForAnOldVersion() public {
        steady(4);
        bytes memory seal_ = seal(digestOf(ready), quorumBits());
        passTime(1 days);
        vm.prank(identityOf(0));
        committee.rotate(SeatId.wrap(0), vm.addr(reportKeyOf(9)), transportKeyOf(9), "http://seat");

        refuse(seal_, ready.payload);

        gauge("report", "refused-old-version", REFUSED);
    }

    /// forge-config: default.isolate = true
    function test_R7_4_refusedForComingTwice() public {
        steady(4);
        bytes memory seal_ = seal(digestOf(ready), quorumBits());
        docket.submit(withSigners(ready.header, quorumBits()), ROOT, ready.payload, seal_);

        refuse(seal_, ready.payload);

        gauge("report", "refused-twice", REFUSED);
    }

    /// forge-config: default.isolate = true
    function test_R7_4_refusedForAnotherPayload() public {
        steady(4);
        bytes memory seal_ = seal(digestOf(ready), quorumBits());

        refuse(seal_, value(987_654_321));

        gauge("report", "refused-another-payload", REFUSED);
    }

    function refuse(bytes memory seal_, bytes memory payload) internal {
        bool accepted = true;
        try docket.submit(withSigners(ready.header, quorumBits()), ROOT, payload, seal_) {}
        catch {
            accepted = false;
        }
        vm.assertFalse(accepted, "R7.4: a bad seal is refused");
    }
}
