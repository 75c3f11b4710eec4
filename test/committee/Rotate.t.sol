// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ICommittee, Seat} from "../../contracts/interfaces/ICommittee.sol";
import {IDocket} from "../../contracts/interfaces/IDocket.sol";
import {EpochKind} from "../../contracts/types/Calendar.sol";
import {SeatId} from "../../contracts/types/Ids.sol";
import {Seated} from "../docket/Seated.sol";

contract RotateTest is Seated {
    SeatId internal constant SECOND = SeatId.wrap(1);
    uint256 internal constant FRESH = 100;

    function setUp() public {
        found(4, 2, EpochKind.Day);
    }

    function rotate(uint256 number) internal {
        vm.prank(identityOf(1));
        committee.rotate(SECOND, vm.addr(reportKeyOf(number)), transportKeyOf(number), "http://new");
    }

    function test_R22_rotateReverts() public {
        address fresh = vm.addr(reportKeyOf(FRESH));
        address other = vm.addr(reportKeyOf(0));

        vm.expectRevert(abi.encodeWithSelector(ICommittee.SeatUnknown.selector, 4, 4));
        committee.rotate(SeatId.wrap(4), fresh, transportKeyOf(1), "http://new");
        vm.expectRevert(
            abi.encodeWithSelector(
                ICommittee.NotIdentity.selector, SECOND, personOf("identity 0"), identityOf(1)
            )
        );
        vm.prank(personOf("identity 0"));
        committee.rotate(SECOND, fresh, transportKeyOf(1), "http://new");
        vm.startPrank(identityOf(1));
        vm.expectRevert(abi.encodeWithSelector(ICommittee.ReportKeyTaken.selector, other, 0));
        committee.rotate(SECOND, other, transportKeyOf(1), "http://new");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.ReportKeyZero.selector));
        committee.rotate(SECOND, address(0), transportKeyOf(1), "http://new");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.TransportKeyZero.selector));
        committee.rotate(SECOND, fresh, 0, "http://new");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.EndpointLength.selector, 0, 200));
        committee.rotate(SECOND, fresh, transportKeyOf(1), "");
        committee.resign(SECOND);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.SeatVacant.selector, SECOND));
        committee.rotate(SECOND, fresh, transportKeyOf(1), "http://new");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.SeatVacant.selector, SECOND));
        committee.resign(SECOND);
        vm.stopPrank();
    }

    function test_R7_4_rotatingTheReportKeyWritesAVersion() public {
        address before = vm.addr(reportKeyOf(1));
        address fresh = vm.addr(reportKeyOf(FRESH));
        passTime(1 days);

        vm.expectEmit(address(committee));
        emit ICommittee.Rotated(SECOND, fresh, transportKeyOf(FRESH), "http://new");
        vm.expectEmit(address(committee));
        emit ICommittee.VersionWritten(2, vm.computeCreateAddress(address(committee), 2), 4);
        vm.expectEmit(address(docket));
        emit IDocket.Reseated(2, 4, vm.computeCreateAddress(address(committee), 2));
        rotate(FRESH);

        vm.assertEq(committee.keysOf(2)[1], fresh, "R7.4: the new version has the new key");
        vm.assertEq(committee.keysOf(1)[1], before, "R22: the old version stays provable");
        Seat memory seat = committee.seat(SECOND);
        vm.assertEq(seat.endpoint, "http://new", "with its place");
        vm.assertEq(seat.transportKey, transportKeyOf(FRESH), "and its transport key");
    }

    function test_R7_4_rotatesOnceADay() public {
        uint256 registered = vm.getBlockTimestamp();
        address fresh = vm.addr(reportKeyOf(FRESH));
        address caller = identityOf(1);

        vm.expectRevert(
            abi.encodeWithSelector(
                ICommittee.RotatedTooSoon.selector, SECOND, registered, registered + 1 days
            )
        );
        vm.prank(caller);
        committee.rotate(SECOND, fresh, transportKeyOf(1), "http://new");
        vm.warp(registered + 1 days);
        rotate(FRESH);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICommittee.RotatedTooSoon.selector, SECOND, registered + 1 days, registered + 2 days
            )
        );
        vm.prank(caller);
        committee.rotate(SECOND, vm.addr(reportKeyOf(1)), transportKeyOf(1), "http://new");
    }

    function test_R7_4_movingHouseWritesNoVersion() public {
        vm.prank(identityOf(1));
        committee.rotate(SECOND, vm.addr(reportKeyOf(1)), transportKeyOf(9), "http://elsewhere");

        vm.assertEq(uint256(committee.version()), 1, "R7.4: a version is about report keys alone");
        vm.assertEq(committee.seat(SECOND).endpoint, "http://elsewhere", "moved");
    }

    function test_R22_rotatesFreelyBeforeIgnition() public {
        foundSeats(4, 0);
        registerAll();
        rotate(FRESH);
        rotate(FRESH + 1);

        vm.assertEq(committee.seat(SECOND).reportKey, vm.addr(reportKeyOf(FRESH + 1)), "the last word");
        vm.assertEq(uint256(committee.version()), 0, "no version before ignition");
    }

    /* RESIGN, RELEASE */

    function test_R22_resigningVacatesUnderANewVersion() public {
        uint40 releasable = uint40(block.timestamp + 21 days);
        address caller = identityOf(1);

        vm.expectEmit(address(committee));
        emit ICommittee.Resigned(SECOND, SECOND, releasable);
        vm.prank(caller);
        committee.resign(SECOND);

        vm.assertEq(committee.keysOf(2)[1], address(0), "R7.4: vacant inside n");
        vm.assertEq(uint256(committee.quorum()), 3, "R7.4: q does not change");
        vm.assertEq(uint256(committee.registered()), 3, "one fewer");
        Seat memory seat = committee.seat(SECOND);
        vm.assertEq(seat.identity, address(0), "nobody's");
        vm.assertEq(seat.endpoint, "", "nowhere");
        vm.assertFalse(seat.bonded, "no bond answers for it");
        vm.assertEq(ledger.held(SECOND), BOND, "R22: the bond answers for what was signed");
    }

    function test_R22_resignIsTheIdentitys() public {
        vm.expectRevert(
            abi.encodeWithSelector(ICommittee.NotIdentity.selector, SECOND, address(this), identityOf(1))
        );
        committee.resign(SECOND);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.SeatUnknown.selector, 4, 4));
        committee.resign(SeatId.wrap(4));
    }

    function test_R22_bondOutlivesTheSeat21Days() public {
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NoBond.selector, SECOND));
        committee.release(SECOND);
        uint256 releasable = vm.getBlockTimestamp() + 21 days;
        vm.prank(identityOf(1));
        committee.resign(SECOND);
        vm.warp(releasable - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ICommittee.BondNotReleasable.selector, SECOND, releasable - 1, releasable)
        );
        committee.release(SECOND);

        vm.warp(releasable);
        vm.expectEmit(address(committee));
        emit ICommittee.BondReleased(SECOND);
        vm.prank(personOf("anyone"));
        committee.release(SECOND);

        vm.assertEq(ledger.money(SECOND), BOND, "R22: refundable");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NoBond.selector, SECOND));
        committee.release(SECOND);
    }
}
