// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Device, IDocket, StreamTerms} from "../../contracts/interfaces/IDocket.sol";
import {ISubcontract} from "../../contracts/interfaces/ISubcontract.sol";
import {Foreign} from "../../contracts/libraries/Foreign.sol";
import {EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, MemberId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Signed} from "../../contracts/Signed.sol";
import {Seated, Willing} from "./Seated.sol";

contract Unwilling is Willing {
    function settlesOn(StreamId) external pure override returns (bool) {
        return false;
    }
}

contract Mute is Willing {
    function settlesOn(StreamId) external pure override returns (bool) {
        revert();
    }
}

contract EnrolTest is Seated {
    SubcontractId internal constant BREAD = SubcontractId.wrap(2);

    function setUp() public {
        foundSeats(4, 0);
    }

    function sign(StreamTerms[] memory streams) internal {
        charter.signStreams(keccak256(abi.encode(streams)));
    }

    function one(StreamTerms memory given) internal pure returns (StreamTerms[] memory streams) {
        streams = new StreamTerms[](1);
        streams[0] = given;
    }

    function good() internal view returns (StreamTerms memory) {
        return terms(WOOD, EpochKind.Week, 1);
    }

    /* ENROL FIRST */

    function test_R7_1_enrolsWhatFoundersSigned() public {
        StreamTerms[] memory streams = new StreamTerms[](2);
        streams[0] = good();
        streams[1] = terms(BREAD, EpochKind.Day, 2);
        sign(streams);

        vm.expectEmit(address(docket));
        emit IDocket.StreamEnrolled(StreamId.wrap(1), streams[0]);
        vm.expectEmit(address(docket));
        emit IDocket.StreamEnrolled(StreamId.wrap(2), streams[1]);
        vm.prank(personOf("anyone"));
        docket.enrolFirst(streams);

        vm.assertEq(uint256(docket.streamCount()), 2, "numbered from 1");
        for (uint16 i = 0; i < 2; ++i) {
            (StreamTerms memory given, Epoch first) = docket.streamOf(StreamId.wrap(i + 1));
            vm.assertEq(
                abi.encode(given), abi.encode(streams[i]), "R7.1: the docket keeps all that was signed"
            );
            vm.assertEq(uint256(Epoch.unwrap(first)), 0, "R7.1: no first epoch before ignition");
        }
    }

    function test_R2_1_enrolFirstRevertsOnOtherStreams() public {
        StreamTerms[] memory streams = one(good());
        sign(streams);
        bytes32 wanted = keccak256(abi.encode(streams));
        streams[0].windowSeconds += 1;

        vm.expectRevert(
            abi.encodeWithSelector(IDocket.StreamsNotSigned.selector, keccak256(abi.encode(streams)), wanted)
        );
        docket.enrolFirst(streams);
    }

    function test_R2_1_enrolFirstRevertsTheSecondTime() public {
        StreamTerms[] memory streams = one(good());
        sign(streams);
        docket.enrolFirst(streams);

        vm.expectRevert(abi.encodeWithSelector(IDocket.EnrolledAlready.selector, 1));
        docket.enrolFirst(streams);
    }

    function test_R2_1_enrolFirstRevertsAfterIgnition() public {
        StreamTerms[] memory streams = one(good());
        sign(streams);
        registerAll();
        charter.ignite();

        vm.expectRevert(abi.encodeWithSelector(IDocket.EnrolledAlready.selector, 0));
        docket.enrolFirst(streams);
    }

    /* ENROL */

    function ignite() internal {
        enrolStreams(new EpochKind[](1));
        registerAll();
        charter.ignite();
    }

    function test_R7_1_sponsorEnrolsForAnOpenSubcontract() public {
        ignite();
        charter.open(BREAD, address(new Willing()), ben);
        StreamTerms memory bread = terms(BREAD, EpochKind.Day, 9);

        vm.expectEmit(address(docket));
        emit IDocket.StreamEnrolled(StreamId.wrap(2), bread);
        vm.prank(personOf("ben"));
        StreamId given = docket.enrol(bread);

        vm.assertEq(uint256(StreamId.unwrap(given)), 2, "the next number");
    }

    function test_R1_8_sponsorEnrolsBySignature() public {
        ignite();
        charter.open(BREAD, address(new Willing()), ben);
        StreamTerms memory bread = terms(BREAD, EpochKind.Day, 9);
        uint64 deadline = uint64(block.timestamp + 1 days);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "EnrolStream(string deed,uint16 sponsor,uint16 subcontract,bytes32 streamTermsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I enrol this stream for the subcontract I opened."),
                ben,
                BREAD,
                keccak256(abi.encode(bread)),
                uint256(1),
                deadline
            )
        );
        bytes memory byAda = signed(keyOf("ada"), typed(structHash));
        vm.expectRevert(abi.encodeWithSelector(Signed.SignatureInvalid.selector, personOf("ben")));
        docket.enrolBySig(bread, 1, deadline, byAda);
        bytes memory signature = signed(keyOf("ben"), typed(structHash));

        StreamId given = docket.enrolBySig(bread, 1, deadline, signature);

        vm.assertEq(uint256(StreamId.unwrap(given)), 2, "R1.8: the twin does the same");
        vm.expectRevert(abi.encodeWithSelector(Signed.NonceAlreadySpent.selector, personOf("ben"), 1));
        docket.enrolBySig(bread, 1, deadline, signature);
    }

    /// @dev An attack once: co-signers consented, then the sponsor chose who measures, four times over.
    function test_R5_enrolRevertsOnceTheSponsorSigned() public {
        ignite();
        charter.open(BREAD, address(new Willing()), ben);
        StreamTerms memory bread = terms(BREAD, EpochKind.Day, 9);
        charter.sign(ben, BREAD);

        vm.expectRevert(abi.encodeWithSelector(IDocket.SponsorSigned.selector, BREAD));
        vm.prank(personOf("ben"));
        docket.enrol(bread);
    }

    function test_R7_1_enrolRevertsBeforeIgnition() public {
        charter.open(BREAD, address(new Willing()), ben);
        StreamTerms memory bread = terms(BREAD, EpochKind.Day, 9);

        vm.expectRevert(abi.encodeWithSelector(IDocket.SubcontractNotOpen.selector, BREAD));
        vm.prank(personOf("ben"));
        docket.enrol(bread);
    }

    function test_R7_1_enrolRevertsUnlessOpen() public {
        ignite();
        charter.enact(BREAD, address(new Willing()));
        StreamTerms memory bread = terms(BREAD, EpochKind.Day, 9);

        vm.expectRevert(abi.encodeWithSelector(IDocket.SubcontractNotOpen.selector, BREAD));
        vm.prank(personOf("ben"));
        docket.enrol(bread);
    }

    function test_R7_1_enrolRevertsForAnyoneButTheSponsor() public {
        ignite();
        charter.open(BREAD, address(new Willing()), ben);
        StreamTerms memory bread = terms(BREAD, EpochKind.Day, 9);
        address ada_ = personOf("ada");
        address ben_ = personOf("ben");

        vm.expectRevert(abi.encodeWithSelector(IDocket.CallerNot.selector, ada_, ben_));
        vm.prank(ada_);
        docket.enrol(bread);
    }

    function test_R7_1_enrolRevertsWhereTermsDoNotNameTheStream() public {
        ignite();
        charter.open(BREAD, address(new Unwilling()), ben);
        StreamTerms memory bread = terms(BREAD, EpochKind.Day, 9);

        vm.expectRevert(
            abi.encodeWithSelector(IDocket.StreamNotOfSubcontract.selector, StreamId.wrap(2), BREAD)
        );
        vm.prank(personOf("ben"));
        docket.enrol(bread);
    }

    function test_R1_9_enrolRevertsWhereTheSubcontractIsMute() public {
        ignite();
        address mute = address(new Mute());
        charter.open(BREAD, mute, ben);
        StreamTerms memory bread = terms(BREAD, EpochKind.Day, 9);

        vm.expectRevert(
            abi.encodeWithSelector(Foreign.NoAnswer.selector, mute, ISubcontract.settlesOn.selector)
        );
        vm.prank(personOf("ben"));
        docket.enrol(bread);
    }

    /* TERMS */

    function refused(StreamTerms memory given, bytes memory reason) internal {
        StreamTerms[] memory streams = one(given);
        sign(streams);
        vm.expectRevert(reason);
        docket.enrolFirst(streams);
    }

    function test_R7_10_windowIsBounded() public {
        uint32[4] memory windows = [uint32(0), 24 hours - 1, 7 days + 1, type(uint32).max];
        for (uint256 i = 0; i < 4; ++i) {
            StreamTerms memory given = good();
            given.windowSeconds = windows[i];
            refused(
                given, abi.encodeWithSelector(IDocket.WindowOutOfRange.selector, windows[i], 24 hours, 7 days)
            );
        }
    }

    function test_R20_noStreamAboveClass2() public {
        StreamTerms memory given = good();
        given.dataClass = 3;
        refused(given, abi.encodeWithSelector(IDocket.DataClassOutOfRange.selector, 3, 2));
    }

    function test_R7_1_termsAreWhole() public {
        StreamTerms memory given = good();
        given.estimator = 0;
        refused(given, abi.encodeWithSelector(IDocket.EstimatorUnnamed.selector));
        given = good();
        given.subcontract = SubcontractId.wrap(0);
        refused(given, abi.encodeWithSelector(IDocket.SubcontractNotOpen.selector, 0));
        given = good();
        given.custodian = MemberId.wrap(9);
        refused(given, abi.encodeWithSelector(IDocket.NotAMemberId.selector, 9));
        given = good();
        given.parameters = new bytes(2049);
        refused(given, abi.encodeWithSelector(IDocket.ParametersLength.selector, 2049, 2048));
        given = good();
        given.devices = new Device[](0);
        refused(given, abi.encodeWithSelector(IDocket.DeviceCount.selector, 0, 1, 16));
        given.devices = new Device[](17);
        refused(given, abi.encodeWithSelector(IDocket.DeviceCount.selector, 17, 1, 16));
    }

    function test_R7_1_devicesAreWhole() public {
        StreamTerms memory given = good();
        given.devices[1].key = 0;
        refused(given, abi.encodeWithSelector(IDocket.DeviceMalformed.selector, bytes32(0), 1, 60));
        given = good();
        given.devices[1].alg = 2;
        refused(given, abi.encodeWithSelector(IDocket.DeviceMalformed.selector, given.devices[1].key, 2, 60));
        given = good();
        given.devices[1].intervalSeconds = 0;
        refused(given, abi.encodeWithSelector(IDocket.DeviceMalformed.selector, given.devices[1].key, 1, 0));
    }

    function test_R7_2_noTwoDevicesShareAKid() public {
        StreamTerms memory given = good();
        bytes8 kid = bytes8(given.devices[0].key);
        given.devices[1].key = bytes32(kid) | bytes32(uint256(1));
        refused(given, abi.encodeWithSelector(IDocket.DeviceKeyTaken.selector, kid));

        StreamTerms[] memory streams = new StreamTerms[](2);
        streams[0] = good();
        streams[1] = terms(BREAD, EpochKind.Day, 2);
        streams[1].devices[0].key = bytes32(kid) | bytes32(uint256(1));
        sign(streams);
        vm.expectRevert(abi.encodeWithSelector(IDocket.DeviceKeyTaken.selector, kid));
        docket.enrolFirst(streams);
    }

    function test_R7_1_atMost4StreamsPerSubcontract() public {
        StreamTerms[] memory streams = new StreamTerms[](5);
        for (uint256 i = 0; i < 5; ++i) {
            streams[i] = terms(WOOD, EpochKind.Day, i);
        }
        sign(streams);
        vm.expectRevert(abi.encodeWithSelector(IDocket.TooManyStreams.selector, WOOD, 4));
        docket.enrolFirst(streams);
    }
}
